#!/bin/bash
# Builds the guest of the rig: vmlinux, initrd and root.ext4 (tests/rig/README.md says what is in them and why).
#
# usage: image.sh OUT KERNEL_PACKAGE PACKAGES     OUT: an existing folder; PACKAGES: names with commas between
#
# Runs as root, or as a user whom the kernel lets make user namespaces (then under fakeroot, so that owners are right).
# Packages come from wherever this machine's apt takes bookworm's; proxies and the like are handed on.
set -euo pipefail
out=$(readlink -f "$1") kernel=$2 packages=$3
here=$(dirname "$(readlink -f "$0")")
PATH=$PATH:/usr/sbin:/sbin
release=${kernel#linux-image-}
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# Modules of a folder or file below kernel/, with all they need. The drivers of keyboards, network cards, sound and
# cameras are here so that a test seeing none of their nodes has seen a refusal, not a missing driver.
MODULES="drivers/usb/ drivers/scsi/sd_mod.ko drivers/scsi/sr_mod.ko drivers/scsi/sg.ko
	drivers/virtio/ drivers/block/virtio_blk.ko drivers/block/loop.ko drivers/char/virtio_console.ko
	drivers/char/hw_random/virtio-rng.ko drivers/hid/ drivers/input/evdev.ko drivers/input/mousedev.ko
	drivers/input/joydev.ko drivers/net/usb/ drivers/bluetooth/btusb.ko drivers/media/usb/uvc/ sound/usb/
	fs/ext4/ fs/fat/ fs/exfat/ fs/ntfs3/ fs/nls/ fs/fuse/ fs/autofs/ fs/configfs/ fs/overlayfs/
	arch/x86/crypto/ crypto/crc32c_generic.ko crypto/sha256_generic.ko lib/crc32.ko"

# Units that cost a slow machine seconds and take part in nothing that is tested.
UNITS="apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service
	fstrim.timer getty.target systemd-timesyncd.service systemd-pstore.service systemd-binfmt.service
	ldconfig.service systemd-update-done.service systemd-update-utmp.service systemd-journal-catalog-update.service
	systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-logind.service
	modprobe@dm_mod.service modprobe@loop.service modprobe@drm.service systemd-hwdb-update.service
	dev-hugepages.mount dev-mqueue.mount sys-kernel-tracing.mount systemd-ask-password-wall.path
	systemd-ask-password-console.path systemd-boot-update.service systemd-firstboot.service"

say() {
	echo "image.sh: ${SECONDS} s: $*" >&2
}

# ---- fetch: needs the network, not root
fetch() {
	local mode=root sources
	[ "$(id -u)" = 0 ] || mode=unshare
	mapfile -t sources < <(grep -lsE '(^|[[:space:]])bookworm([[:space:]]|-|$)' \
		/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
	[ "${#sources[@]}" -gt 0 ] || { echo "image.sh: apt on this machine has no source for bookworm" >&2; exit 1; }
	apt-config dump | grep -E '^Acquire::(https?::(Proxy|Timeout)|Retries|ForceIPv)' >apt.conf || true

	# The kernel is fetched as a file and unpacked, not installed: no initramfs is made and no 400 MB of modules stay.
	apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$kernel"
	mkdir kernel
	dpkg-deb --fsys-tarfile "$kernel"_*.deb | tar -C kernel -x ./boot ./lib/modules
	depmod -b kernel "$release"
	say "kernel $release unpacked"

	mmdebstrap --quiet --mode="$mode" --variant=minbase --include="$packages" --format=tar \
		--aptopt=apt.conf --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm root.tar "${sources[@]}"
	say "Debian unpacked"
}

# ---- assemble: as root or under fakeroot
assemble() {
	local tree=kernel/lib/modules/$release modules=root/lib/modules/$release unit
	mkdir root
	tar -C root -x --exclude='./dev/*' -f root.tar

	mkdir -p "$modules"
	cp "$tree"/modules.builtin* "$tree"/modules.order "$modules"/
	# modules.dep: `kernel/a.ko: kernel/b.ko kernel/c.ko`
	awk -v wanted="$MODULES" '
		BEGIN { count = split(wanted, place, /[ \t\n]+/) }
		{ sub(":", "", $1)
		  for (i = 1; i <= count; i++)
			if (place[i] != "" && index($1, "kernel/" place[i]) == 1) { for (f = 1; f <= NF; f++) print $f; next } }
	' "$tree/modules.dep" | sort -u >modules.list
	tar -C "$tree" -c -T modules.list | tar -C "$modules" -x
	depmod -b root "$release"
	say "$(wc -l <modules.list) kernel modules"

	cp -r "$here"/guest/etc root/
	rm -f root/etc/apt/apt.conf.d/99mmdebstrap root/etc/machine-id root/etc/resolv.conf
	echo uninitialized >root/etc/machine-id # a first boot would preset every unit
	echo rig >root/etc/hostname
	mkdir -p root/opt/station root/etc/systemd/system
	for unit in $UNITS; do ln -sf /dev/null "root/etc/systemd/system/$unit"; done
	ln -sf /lib/systemd/system/multi-user.target root/etc/systemd/system/default.target

	mkdir -p initrd/{bin,modules,proc,sys,dev,new}
	cp /bin/busybox initrd/bin/
	cp "$here/guest/init" initrd/init
	for unit in virtio_pci virtio_blk crc32c_generic ext4; do
		modprobe -d root -S "$release" --show-depends "$unit"
	done | awk '/^insmod/ && !seen[$2]++ { print $2 }' | while read -r unit; do
		cp "$unit" initrd/modules/
		basename "$unit" >>initrd/modules/order
	done
	(cd initrd && find . | cpio -o -H newc --quiet) >"$out/initrd"

	# Larger than needed and sparse: the station keeps 512 MiB free. No journal: nothing of it outlives a test.
	truncate -s 4G "$out/root.ext4"
	mke2fs -q -t ext4 -O ^has_journal -N 65536 -m 0 -E nodiscard,root_owner=0:0 -d root "$out/root.ext4"
	say "disk made"
}

fetch
if [ "$(id -u)" = 0 ]; then
	assemble
else
	# As text: the shell that fakeroot is written in drops exported functions.
	export here out release MODULES UNITS
	fakeroot bash -euo pipefail -c "$(declare -f assemble say); assemble"
fi
python3 "$here/vmlinux.py" "kernel/boot/vmlinuz-$release" "$out/vmlinux"
echo "$release" >"$out/release"
say "$(du -shc "$out"/{vmlinux,initrd,root.ext4} | tail -n 1 | cut -f 1) in all"
