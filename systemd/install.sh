#!/bin/bash
# Sets a station up on this machine, or takes its programs away again. `make install-system` calls it with `all`.
#
#   install.sh all         every step below, in this order; again after an update: nothing is made twice
#   install.sh files       the programs into PREFIX, with a virtual environment from requirements/run.lock
#   install.sh users       the users and groups of sysusers.d/station.conf
#   install.sh units       units, udev rules, tmpfiles, the command /usr/local/bin/station
#   install.sh init        the home, once; prints the code for the first administrator
#   install.sh start       enables and starts station.target
#   install.sh uninstall   stops the station and removes what the other steps put in place, but for users and evidence
#
# PREFIX            where the programs lie (/opt/station)
# DOCK_CONTROLLERS  the USB controllers of the dock, as folders of sysfs: "0000:00:14.0 0000:03:00.0"; all when empty
# DESTDIR           a folder that stands for /: files are put below it, nothing is run or started
set -euo pipefail

PREFIX=${PREFIX:-/opt/station}
DESTDIR=${DESTDIR:-}
DOCK_CONTROLLERS=${DOCK_CONTROLLERS:-}
HOME_FOLDER=/var/lib/station
read -r -d '' -a DOCKS <<<"$DOCK_CONTROLLERS" || true # names, not patterns of file names
LIBRARY=/usr/local/lib # systemd's and udev's own place for what an administrator installs
CONTROLLERS=/etc/udev/rules.d/55-station-controllers.rules
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(dirname "$here")
PROGRAMS=(station firmware_profiles systemd web/dist web/templates web/locales)
TEXTS=(pyproject.toml LICENSE README.md README.zh-CN.md CHANGELOG.md hardware.md)

say() { printf '%s\n' "$*" >&2; }
fail() { say "install.sh: $*"; exit 2; }
live() { [ -z "$DESTDIR" ]; }
booted() { live && [ -d /run/systemd/system ]; } # systemd is what runs this machine

# put MODE FILE TARGET: copies a file, with PREFIX in place of the one it was written for
put() {
	local made
	made=$(mktemp)
	sed "s|/opt/station|$PREFIX|g" "$2" >"$made"
	install -D -m "$1" "$made" "$DESTDIR$3"
	rm -f "$made"
}

files() {
	local name target=$DESTDIR$PREFIX
	[ -f "$source/web/dist/manifest.json" ] || fail "the pages are not built: run \`make install\` first"
	install -d -m 0755 "$target"
	if [ "$source" -ef "$target" ]; then
		say "the programs lie in $PREFIX already"
		return
	fi
	for name in "${PROGRAMS[@]}"; do
		install -d -m 0755 "$(dirname "$target/$name")"
		rm -rf "$target/$name.new"
		cp -R --no-preserve=ownership "$source/$name" "$target/$name.new"
		find "$target/$name.new" -name __pycache__ -type d -prune -exec rm -rf {} +
		chmod -R u=rwX,go=rX "$target/$name.new"
		rm -rf "${target:?}/$name"
		mv -T "$target/$name.new" "$target/$name"
	done
	for name in "${TEXTS[@]}"; do
		[ ! -f "$source/$name" ] || install -m 0644 "$source/$name" "$target/$name"
	done
	install -D -m 0644 "$source/requirements/run.lock" "$target/requirements/run.lock"
	environment "$target"
}

# A virtual environment that finds the package by a path file: what runs is what lies in PREFIX.
environment() {
	local target=$1 packages
	live || { say "below DESTDIR no virtual environment is made"; return; }
	[ -x "$target/.venv/bin/python" ] || /usr/bin/python3 -m venv "$target/.venv"
	"$target/.venv/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes \
		--requirement "$target/requirements/run.lock"
	packages=$("$target/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	printf '%s\n' "$PREFIX" >"$packages/station.pth"
	cat >"$target/.venv/bin/station" <<-LAUNCHER
		#!$PREFIX/.venv/bin/python -P
		import sys
		from station.cli import main
		sys.exit(main())
	LAUNCHER
	chmod 0755 "$target/.venv/bin/station"
	# The units can't write there, so nothing would be left to find at their next start.
	"$target/.venv/bin/python" -m compileall -q "$target/station"
}

users() {
	put 0644 "$here/sysusers.d/station.conf" "$LIBRARY/sysusers.d/station.conf"
	if live; then systemd-sysusers "$LIBRARY/sysusers.d/station.conf"; fi
}

units() {
	local file
	check_controllers
	for file in "$here"/units/*; do put 0644 "$file" "$LIBRARY/systemd/system/$(basename "$file")"; done
	for file in "$here"/udev/*.rules; do
		[ "$(basename "$file")" = "$(basename "$CONTROLLERS")" ] ||
			put 0644 "$file" "$LIBRARY/udev/rules.d/$(basename "$file")"
	done
	controllers
	put 0644 "$here/tmpfiles.d/station.conf" "$LIBRARY/tmpfiles.d/station.conf"
	put 0755 "$here/bin/station" /usr/local/bin/station
	if live; then systemd-tmpfiles --create "$LIBRARY/tmpfiles.d/station.conf"; fi
	if booted; then
		systemctl daemon-reload
		udevadm control --reload
		# What is plugged in already meets the rules now: it is shut out until a profile matches.
		udevadm trigger --action=add --subsystem-match=usb
		udevadm settle --timeout=30 || say "udev is still busy with the USB devices"
	fi
}

# Which controllers are the dock's: as asked for, else as they were, else all.
controllers() {
	local name made
	[ -n "$DOCK_CONTROLLERS" ] || [ ! -f "$DESTDIR$CONTROLLERS" ] || return 0
	made=$(mktemp)
	if [ -z "$DOCK_CONTROLLERS" ]; then
		cat "$here/udev/$(basename "$CONTROLLERS")" >"$made"
	else
		grep -v '^SUBSYSTEMS==' "$here/udev/$(basename "$CONTROLLERS")" | grep -v '^LABEL=' >"$made"
		for name in "${DOCKS[@]}"; do
			printf 'KERNELS=="%s", ENV{STATION_DOCK}="1"\n' "$name" >>"$made"
		done
		printf 'LABEL="station_controllers_end"\n' >>"$made"
	fi
	install -D -m 0644 "$made" "$DESTDIR$CONTROLLERS"
	rm -f "$made"
}

present_controllers() { readlink -f /sys/bus/usb/devices/usb*/.. | sed 's|.*/||' | sort -u; }

check_controllers() {
	local name root disks
	for name in "${DOCKS[@]}"; do
		[[ $name =~ ^[0-9A-Za-z][0-9A-Za-z:._-]*$ ]] || fail "$name is no name of a controller"
		! booted || present_controllers | grep -qxF "$name" ||
			fail "there is no USB controller $name here; there are: $(present_controllers | tr '\n' ' ')"
	done
	[ -z "$DOCK_CONTROLLERS" ] && booted && [ ! -f "$CONTROLLERS" ] || return 0
	# All controllers are to be the dock's: then nothing else on USB works any more, this system's own disk included.
	root=$(findmnt -no SOURCE /)
	disks=$(lsblk -sno TRAN "$root" 2>/dev/null || true)
	[[ $disks != *usb* ]] || fail "this system runs from a USB disk: name the dock's controllers with DOCK_CONTROLLERS"
	say "all USB controllers become the dock's: a USB keyboard here stops working (DOCK_CONTROLLERS names others)"
}

init() {
	live || { say "below DESTDIR no station is made"; return; }
	getent group station >/dev/null || fail "the group station is missing: run \`install.sh users\` first"
	systemd-tmpfiles --create "$LIBRARY/tmpfiles.d/station.conf"
	if [ -f "$HOME_FOLDER/station.toml" ]; then
		say "there is a station in $HOME_FOLDER already"
	else
		# Nothing of it is anybody's but root's until it is whole.
		(umask 0077 && PYTHONDONTWRITEBYTECODE=1 "$PREFIX/.venv/bin/station" init \
			--settings "$here/station.toml" --home "$HOME_FOLDER")
	fi
	# systemd wants the folder that it loads sealed keys from to be there, sealed or not.
	install -d -m 0700 "$HOME_FOLDER/keys/sealed"
	if [ "$(stat -c %u "$HOME_FOLDER/keys")" = 0 ]; then hand_over; fi
	systemd-tmpfiles --create "$LIBRARY/tmpfiles.d/station.conf"
}

# From root, who made the station, to the users who run it: once, before anything was taken in. Modes of the folders
# follow from tmpfiles.d/station.conf.
hand_over() {
	# The signer that sealed the first entry ends by itself; before that it may still write beside the key.
	flock --wait 60 "$HOME_FOLDER/run/sign.lock" true || fail "the signer of the set-up does not end"
	rm -f "$HOME_FOLDER"/run/sign.*
	chown -R station-dock:station "$HOME_FOLDER/vault"
	find "$HOME_FOLDER/vault" -type d -exec chmod 2750 {} +
	chown -R station-transcode:station "$HOME_FOLDER/derived"
	chown root:station "$HOME_FOLDER/database/station.db" "$HOME_FOLDER"/{station.toml,log.vkey,vault.id}
	chmod 0660 "$HOME_FOLDER/database/station.db"
	seal_key
	chown -R station-sign:station-sign "$HOME_FOLDER/keys" # last: by it a second run sees that this one was whole
}

# The key as a credential that opens on this machine alone; where systemd has no such thing it stays a file of its owner.
seal_key() {
	if booted && command -v systemd-creds >/dev/null; then
		"$PREFIX/.venv/bin/station" key seal --home "$HOME_FOLDER" ||
			say "the key could not be sealed: it stays a file that only station-sign can read"
	else
		say "no systemd-creds here: the key stays a file that only station-sign can read"
	fi
}

start() {
	booted || { say "systemd does not run here: nothing was started"; return; }
	systemctl enable --quiet station.target
	# Bounded: after an update the catalogue may be built anew first, which systemd waits for and we need not.
	timeout 60 systemctl restart station.target ||
		say "the station is still starting, or could not: systemctl status 'station-*'"
}

uninstall() {
	local file
	if booted; then systemctl disable --now --quiet station.target || true; fi
	for file in "$here"/units/*; do rm -f "$DESTDIR$LIBRARY/systemd/system/$(basename "$file")"; done
	for file in "$here"/udev/*.rules; do rm -f "$DESTDIR$LIBRARY/udev/rules.d/$(basename "$file")"; done
	rm -f "$DESTDIR$CONTROLLERS" "$DESTDIR$LIBRARY"/{tmpfiles.d,sysusers.d}/station.conf \
		"$DESTDIR/usr/local/bin/station"
	# A checkout that the units ran from is not ours to remove, nor is a read-only disk.
	[ -e "$DESTDIR$PREFIX/.git" ] || [ ! -w "$DESTDIR$PREFIX" ] || rm -rf "$DESTDIR${PREFIX:?}"
	if booted; then
		systemctl daemon-reload
		udevadm control --reload
		# The buses let in what is plugged in from now on, as they did before.
		for file in /sys/bus/usb/devices/usb*/{authorized_default,interface_authorized_default}; do
			echo 1 >"$file"
		done
	fi
	say "kept: $HOME_FOLDER with the key, the ledger and the vault; /etc/station; the users station-*"
}

case ${1:-} in
files | users | units | init | start | uninstall)
	live && [ "$(id -u)" != 0 ] && fail "only root can do this"
	"$1"
	;;
all)
	live && [ "$(id -u)" != 0 ] && fail "only root can do this"
	files
	users
	units
	init
	start
	;;
*) sed -n '2,/^set -e/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
