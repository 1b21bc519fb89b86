#!/usr/bin/env bash
# Checks a court package: verify.sh [--key VKEY|FILE]… [--witness VKEY|FILE]… [--tsa-ca FILE] [DIR]
# Needs bash 4.4 or newer, coreutils and openssl 3.0 or newer; nothing else, and no network. See README.txt.
# Guarantees: exit 0 only if every check was made and none failed; 1 if something is damaged, 2 if it could not check.
# Every finding names its file; no name or byte of the package is ever evaluated, or printed unquoted.

set -u -f +o history
said_language=${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}
export LC_ALL=C
unset -v CDPATH GLOBIGNORE POSIXLY_CORRECT BASH_ENV ENV

case $said_language in zh*) zh=1 ;; *) zh= ;; esac
say() { if [[ $zh ]]; then printf '%s' "$1"; else printf '%s' "$2"; fi; }

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  say '未能校验：需要 bash 4.4 或更高版本' 'Could not check: bash 4.4 or newer is needed'
  printf '\n'
  exit 2
fi

declare -a findings=() failures=() notes=()
declare -A bad=() said=() size=() digest=() listed_in=()
declare -i total_bytes=0

# find_fault PATH 中文 ENGLISH: the file is wrong; what is wrong is not relied on any more.
find_fault() {
  bad["$1"]=1
  [[ ${said["$1 $3"]-} ]] && return
  said["$1 $3"]=1
  local name=$1
  [[ $name =~ ^[A-Za-z0-9._/-]+$ ]] || name=${name@Q}
  findings+=("$name"$'\t'"$(say "$2" "$3")")
}
fail_check() { failures+=("$(say "$1" "$2")"); }
is_sound() {
  local each
  for each; do [[ ${size["$each"]-} && ! ${bad["$each"]-} ]] || return 1; done
}

finish() {
  local -i code=0
  [[ ${scratch-} && -d $scratch ]] && rm -rf -- "$scratch"
  if ((${#findings[@]})); then
    code=1
    local -A names=()
    local line
    for line in "${findings[@]}"; do names["${line%%$'\t'*}"]=1; done
    say "已损坏：${#names[@]} 个文件与存证日志不符，列于下方；本电子证据包不能证明“自入库起未改动”" \
      "Damaged: ${#names[@]} file(s) do not agree with the ledger, named below; this package does not show that nothing was altered"
  elif ((${#failures[@]})); then
    code=2
    say '未能完成校验：原因如下；尚不能说明是否改动' 'Could not check, for the reasons below; this says neither that it is sound nor that it is not'
  elif [[ $first_time == "$last_time" ]]; then
    say "自${first_time}入库起未改动；入库以前的情况本校验不能证明" \
      "Unaltered since it was taken in on ${first_time}; this says nothing of the time before"
  else
    say "自入库起未改动（最早${first_time}，最晚${last_time}入库）；入库以前的情况本校验不能证明" \
      "Unaltered since each was taken in, from ${first_time} to ${last_time}; this says nothing of the time before"
  fi
  printf '\n'
  ((code == 0)) || ((${#findings[@]} == 0)) || printf '%s\n' "${findings[@]/$'\t'/: }"
  ((${#failures[@]} == 0)) || printf '%s\n' "${failures[@]}"
  ((${#notes[@]} == 0)) || printf '%s\n' "${notes[@]}"
  exit "$code"
}
first_time= last_time=
stop() {
  fail_check "$1" "$2"
  finish
}

# ---- files and small texts

# slurp PATH LIMIT: the whole file into REPLY; false if it is too long or holds a zero byte. No fork.
slurp() {
  REPLY=
  ((${size["$1"]} <= $2)) || return 1
  if IFS= read -r -d '' REPLY <"./$1"; then return 1; fi
  ((${#REPLY} == ${size["$1"]}))
}

# begin PATH LIMIT: slurp what is not known as bad; otherwise say what is wrong and return false.
begin() {
  [[ ${bad["$1"]-} ]] && return 1
  [[ ${size["$1"]-} ]] || { find_fault "$1" '缺少' 'is missing'; return 1; }
  slurp "$1" "$2" || { bad_form "$1"; return 1; }
}
bad_form() { find_fault "$1" '不符合第1版规定的格式' 'does not have the form that version 1 allows'; }

walk() { # FOLDER/ or nothing
  local entry
  local -a entries=()
  set +f
  shopt -s nullglob dotglob
  entries=("$1"*)
  set -f
  ((${#entries[@]})) || find_fault "${1:-.}" '是空文件夹' 'is an empty folder'
  for entry in "${entries[@]}"; do
    [[ ${entry##*/} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || {
      find_fault "$entry" '不是证据包允许的文件名' 'is not a name that a package may hold'
      continue
    }
    local folded=${entry,,}
    [[ ${folded_names["$folded"]-} ]] && find_fault "$entry" '与另一文件名仅大小写不同' 'differs from another name by case alone'
    folded_names["$folded"]=1
    if [[ -L $entry ]]; then find_fault "$entry" '不是普通文件' 'is no plain file'
    elif [[ -d $entry ]]; then walk "$entry/"
    elif [[ -f $entry ]]; then paths+=("./$entry")
    else find_fault "$entry" '不是普通文件' 'is no plain file'; fi
  done
}

hash_all() {
  local -i at
  local line name
  for ((at = 0; at < ${#paths[@]}; at += 256)); do
    while IFS= read -r line; do
      name=${line#* ./}
      size["$name"]=${line%% *}
      total_bytes+=${line%% *}
    done < <(stat -c '%s %n' -- "${paths[@]:at:256}" 2>/dev/null)
    [[ -t 2 ]] && printf '\r%d / %d' "$at" "${#paths[@]}" >&2
    while IFS= read -r line; do
      [[ $line =~ ^([0-9a-f]{64})\ \*\./(.+)$ ]] && digest["${BASH_REMATCH[2]}"]=${BASH_REMATCH[1]}
    done < <(openssl dgst -sha256 -r "${paths[@]:at:256}" 2>/dev/null)
  done
  [[ -t 2 ]] && printf '\r\033[K' >&2
  for name in "${paths[@]#./}"; do
    [[ ${size["$name"]-} && ${digest["$name"]-} ]] && continue
    bad["$name"]=1
    fail_check "$name：无法读取" "$name: could not be read"
  done
}

# ---- hex, base64, hashes

escape() { # HEX of 32 bytes: as \x.. into REPLY
  local hex=$1 out=
  local -i at
  for ((at = 0; at < ${#hex}; at += 2)); do out+=\\x${hex:at:2}; done
  REPLY=$out
}
B64=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
declare -A b64_value=()
for ((n = 0; n < 64; n++)); do b64_value[${B64:n:1}]=$n; done
declare -A known_b64=()

# to_hex BASE64: canonical base64 as hex into REPLY; false otherwise.
to_hex() {
  local in=$1 out= piece
  if [[ ${known_b64["$in"]-} ]]; then REPLY=${known_b64["$in"]}; return 0; fi
  [[ $in =~ ^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$ && $in ]] || return 1
  local -i at value
  for ((at = 0; at < ${#in}; at += 4)); do
    piece=${in:at:4}
    if [[ ${piece:2} == == ]]; then
      value=$((b64_value[${piece:0:1}] << 6 | b64_value[${piece:1:1}]))
      ((value & 15)) && return 1
      printf -v piece %02x $((value >> 4))
    elif [[ ${piece:3} == = ]]; then
      value=$((b64_value[${piece:0:1}] << 12 | b64_value[${piece:1:1}] << 6 | b64_value[${piece:2:1}]))
      ((value & 3)) && return 1
      printf -v piece %04x $((value >> 2))
    else
      value=$((b64_value[${piece:0:1}] << 18 | b64_value[${piece:1:1}] << 12 | b64_value[${piece:2:1}] << 6 | b64_value[${piece:3:1}]))
      printf -v piece %06x $value
    fi
    out+=$piece
  done
  known_b64["$in"]=$out
  REPLY=$out
}

# Many small texts are hashed by one program: put writes one, hash_put gives all digests in order in hashed[].
declare -i put_count=0
declare -a hashed=()
put() { printf '%b' "$1" >"$scratch/put.$((put_count++))"; }
hash_put() {
  local -i at
  local line
  local -a names=()
  hashed=()
  for ((at = 0; at < put_count; at++)); do names+=("$scratch/put.$at"); done
  for ((at = 0; at < put_count; at += 512)); do
    while IFS= read -r line; do hashed+=("${line%% *}"); done < <(openssl dgst -sha256 -r "${names[@]:at:512}")
  done
  ((${#hashed[@]} == put_count)) || stop '无法计算哈希值' 'Hashes could not be computed'
  put_count=0
}

# ---- signatures

# ed25519 KEY SIGNATURE TEXT: tells whether the signature (both hex) over the text verifies.
ed25519() {
  ((${#1} == 64 && ${#2} == 128)) || return 1
  escape "302a300506032b6570032100$1"
  printf '%b' "$REPLY" >"$scratch/key"
  escape "$2"
  printf '%b' "$REPLY" >"$scratch/signature"
  printf '%s' "$3" >"$scratch/text"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$scratch/key" -rawin -in "$scratch/text" \
    -sigfile "$scratch/signature" >/dev/null 2>&1
}

# RFC 8032 section 7.1, test 2: what can't judge this can't judge anything.
test_ed25519() {
  local key=3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
  local signature=92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
  signature+=085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
  ed25519 "$key" "$signature" r && ! ed25519 "$key" "$signature" s && ! ed25519 "$key" "${signature/92/93}" r
}

# parse_key LINE TYPE: name, id and public key (hex) into key_name, key_id, key_public.
parse_key() {
  [[ $1 =~ ^([^+[:space:][:cntrl:]]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$ ]] || return 1
  key_name=${BASH_REMATCH[1]} key_id=${BASH_REMATCH[2]}
  to_hex "${BASH_REMATCH[3]}" || return 1
  [[ ${#REPLY} == 66 && ${REPLY:0:2} == "$2" ]] || return 1
  key_public=${REPLY:2}
  escape "0a$REPLY"
  printf '%s%b' "$key_name" "$REPLY" >"$scratch/put.0"
  put_count=1
  hash_put
  [[ ${hashed[0]:0:8} == "$key_id" ]]
}

declare -A log_keys=() trusted=() witness_keys=()
# learn_keys TEXT TYPE MAP…: every line of the text as "name id" -> public key.
learn_keys() {
  local rest=$1 line map
  local -A seen=()
  [[ $rest == *$'\n' ]] || return 1
  while [[ $rest ]]; do
    line=${rest%%$'\n'*} rest=${rest#*$'\n'}
    [[ $line && ! ${seen["$line"]-} ]] || return 1
    seen["$line"]=1
    parse_key "$line" "$2" || return 1
    key_lines+=("$line")
    for map in "${@:3}"; do
      local -n into=$map
      into["$key_name $key_id"]=$key_public
    done
  done
}

# learn_log_keys TEXT [MAP]: keys of a log, newest first. The first one counts; former ones may be stolen by now.
learn_log_keys() {
  learn_keys "$1" 01 log_keys "${@:2}" || return 1
  key_lines=()
  learn_keys "${1%%$'\n'*}"$'\n' 01 trusted
}

# parse_checkpoint TEXT: origin, tree_size, root (hex), body, signature lines into note_names, note_ids, note_signatures.
parse_checkpoint() {
  local lines line
  note_names=() note_ids=() note_signatures=()
  ((${#1} <= 262144)) && [[ $1 == *$'\n\n'?*$'\n' ]] || return 1
  lines=${1##*$'\n\n'}
  body=${1%$'\n\n'*}$'\n'
  [[ $body =~ ^([a-z0-9][a-z0-9./-]{0,127})$'\n'(0|[1-9][0-9]{0,15})$'\n'([A-Za-z0-9+/]{43}=)$'\n'$ ]] || return 1
  origin=${BASH_REMATCH[1]} tree_size=${BASH_REMATCH[2]} line=${BASH_REMATCH[3]}
  to_hex "$line" || return 1
  root=$REPLY
  while [[ $lines ]]; do
    line=${lines%%$'\n'*} lines=${lines#*$'\n'}
    [[ $line =~ ^—\ ([^+[:space:][:cntrl:]]+)\ ([A-Za-z0-9+/]+=*)$ ]] || return 1
    note_names+=("${BASH_REMATCH[1]}")
    to_hex "${BASH_REMATCH[2]}" || return 1
    ((${#REPLY} > 8)) || return 1
    note_ids+=("${REPLY:0:8}")
    note_signatures+=("${REPLY:8}")
  done
  ((${#note_names[@]} <= 64))
}

# cosigned KEY SIGNATURE TEXT: a witness's line (c2sp.org/tlog-cosignature); its time into REPLY.
cosigned() {
  ((${#2} == 144)) && [[ ${2:0:1} == [0-7] ]] || return 1
  local time=$((16#${2:0:16}))
  ed25519 "$1" "${2:16}" "cosignature/v1"$'\n'"time $time"$'\n'"$3" && REPLY=$time
}

# check_signatures PATH STRICT: of what parse_checkpoint has read. Every line of a known key must verify, one of a trusted
# key must be there; with STRICT there may be no other lines, since nothing else covers them.
check_signatures() {
  local path=$1 strict=$2 id name
  local -i at signed=0
  for ((at = 0; at < ${#note_names[@]}; at++)); do
    name=${note_names[at]} id="${note_names[at]} ${note_ids[at]}"
    if [[ ${log_keys["$id"]-} ]]; then
      if ! ed25519 "${log_keys["$id"]}" "${note_signatures[at]}" "$body"; then
        find_fault "$path" '签名不正确' 'carries a signature that does not verify'
      elif [[ ${trusted["$id"]-} && $name == "$origin" ]]; then signed=1; fi
    elif ((strict)) && ! { [[ ${witness_keys["$id"]-} ]] && cosigned "${witness_keys["$id"]}" "${note_signatures[at]}" "$body"; }; then
      find_fault "$path" '有一行签名来自未知密钥' 'carries a line of a key that is not known'
    fi
  done
  ((signed)) || find_fault "$path" '没有存证日志密钥的有效签名' 'is not signed by the key of the log'
}

# ---- entries

declare -A leaf=() entry_time=() entry_type=() entry_payload=() entry_subjects=() entry_log=() entry_ok=()
RECORD_HEAD='^\{"log":"([a-z0-9][a-z0-9./-]{0,127})","payload":"([0-9a-f]{64})","prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]{0,15}),"subjects":\{'
RECORD_TAIL='^\},"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)","type":"([a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31})+)","v":1\}$'
LINK='^"([a-z][a-z0-9_]{0,31}:[A-Za-z0-9._~@/+=-]{1,128})":(null|"[0-9a-f]{64}")$'

is_time() {
  local -i year=10#${1:0:4} month=10#${1:5:2} day=10#${1:8:2} days
  ((month >= 1 && month <= 12 && 10#${1:11:2} < 24 && 10#${1:14:2} < 60 && 10#${1:17:2} < 60)) || return 1
  days=$((month == 2 ? 28 + (year % 4 == 0 && (year % 100 || year % 400 == 0)) : 30 + (month + month / 8) % 2))
  ((day >= 1 && day <= days))
}

# parse_record NAME PATH: the file's record under a name (a number, or "seal"); queues its leaf.
parse_record() {
  local text links last= link
  begin "$2" 65536 || return 1
  text=$REPLY
  [[ ${text:0:400} =~ $RECORD_HEAD ]] || { bad_form "$2"; return 1; }
  entry_log["$1"]=${BASH_REMATCH[1]} entry_payload["$1"]=${BASH_REMATCH[2]} record_seq=${BASH_REMATCH[4]}
  links=${text:${#BASH_REMATCH[0]}}
  text=\}${links#*\}}
  links=${links%%\}*}
  [[ $text =~ $RECORD_TAIL ]] || { bad_form "$2"; return 1; }
  entry_time["$1"]=${BASH_REMATCH[1]} entry_type["$1"]=${BASH_REMATCH[2]}
  is_time "${BASH_REMATCH[1]}" && [[ $links != *, ]] || { bad_form "$2"; return 1; }
  entry_subjects["$1"]=",$links,"
  while [[ $links ]]; do
    link=${links%%,*}
    if [[ $links == *,* ]]; then links=${links#*,}; else links=; fi
    [[ $link =~ $LINK && ( ! $last || $last < ${BASH_REMATCH[1]} ) ]] || { bad_form "$2"; return 1; }
    last=${BASH_REMATCH[1]}
  done
  printf '\0%s' "$REPLY" >"$scratch/put.$((put_count++))"
  leaf_names+=("$1")
  entry_ok["$1"]=1
}

# parse_payload PATH: digests of parts by name into parts.
parse_payload() {
  local rest last=
  parts=()
  begin "$1" 65536 || return 1
  [[ $REPLY == '{"parts":{'?*'}}' ]] || { bad_form "$1"; return 1; }
  rest=${REPLY#'{"parts":{'}
  rest=${rest%'}}'},
  while [[ $rest ]]; do
    [[ ${rest%%,*} =~ ^\"([a-z][a-z0-9_]{0,31})\":\"([0-9a-f]{64})\"$ ]] || { bad_form "$1"; return 1; }
    [[ ! $last || $last < ${BASH_REMATCH[1]} ]] || { bad_form "$1"; return 1; }
    last=${BASH_REMATCH[1]}
    parts["$last"]=${BASH_REMATCH[2]}
    rest=${rest#*,}
  done
}

# parse_part PATH: the members of the value, strings and numbers, by their way from it (".digest.sha256") into fact.
parse_part() {
  local rest token key= way= inside=
  local -a ways=() kinds=()
  fact=()
  begin "$1" 65536 || return 1
  [[ $REPLY =~ ^\{\"salt\":\"[0-9a-f]{32}\",\"value\":(.*)\}$ ]] || { bad_form "$1"; return 1; }
  rest=${BASH_REMATCH[1]}
  while [[ $rest ]]; do
    case $rest in
      \"*)
        [[ $rest =~ ^\"(([^\"\\]|\\.)*)\" ]] || { bad_form "$1"; return 1; }
        token=${BASH_REMATCH[1]} rest=${rest:${#BASH_REMATCH[0]}}
        if [[ $rest == :* ]]; then key=$token rest=${rest:1}; continue; fi
        [[ $inside == array ]] || fact["$way.$key"]=$token
        ;;
      [{[]*)
        ways+=("$way")
        [[ $inside == array ]] && key='[]'
        [[ ${#kinds[@]} == 0 ]] || way+=.$key
        kinds+=("$inside")
        if [[ $rest == \{* ]]; then inside=object; else inside=array; fi
        rest=${rest:1}
        ;;
      [}\]]*)
        ((${#ways[@]})) || { bad_form "$1"; return 1; }
        way=${ways[-1]} inside=${kinds[-1]} rest=${rest:1}
        unset 'ways[-1]' 'kinds[-1]'
        ;;
      ,*) rest=${rest:1} ;;
      *)
        [[ $rest =~ ^(-?[0-9]+|true|false|null) ]] || { bad_form "$1"; return 1; }
        token=${BASH_REMATCH[1]} rest=${rest:${#token}}
        [[ $inside == array ]] || fact["$way.$key"]=$token
        ;;
    esac
  done
  ((${#ways[@]} == 0)) || { bad_form "$1"; return 1; }
}

# parse_proof PATH: index, path of hashes (base64) and the checkpoint's text into proof_index, proof_path, proof_note.
parse_proof() {
  local head line
  begin "$1" 524288 || return 1
  [[ $REPLY == *$'\n\n'* ]] || { bad_form "$1"; return 1; }
  head=${REPLY%%$'\n\n'*}$'\n'
  proof_note=${REPLY#*$'\n\n'}
  [[ $head =~ ^c2sp\.org/tlog-proof@v1$'\n'index\ (0|[1-9][0-9]{0,15})$'\n'(([A-Za-z0-9+/]{43}=$'\n')*)$ ]] ||
    { bad_form "$1"; return 1; }
  proof_index=${BASH_REMATCH[1]}
  head=${BASH_REMATCH[2]}
  proof_path=${head//$'\n'/ }
  ((${#proof_path} <= 63 * 45)) || { bad_form "$1"; return 1; }
}

# Inclusion of many entries at once (RFC 9162 section 2.1.3.2), level by level; equal nodes are hashed once.
declare -a climb_names=() climb_paths=() climb_first=() climb_second=() climb_now=() climb_roots=() climb_files=()
declare -A node=()
queue_inclusion() { # NAME INDEX SIZE PATH ROOT FILE
  climb_names+=("$1") climb_first+=("$2") climb_second+=($(($3 - 1))) climb_paths+=("$4") climb_roots+=("$5")
  climb_now+=("${leaf["$1"]}") climb_files+=("$6")
}
climb() {
  local -i at moved first second
  local sibling
  local -a pending want
  local -A asked
  for ((;;)); do
    moved=0 want=() pending=() asked=()
    for ((at = 0; at < ${#climb_names[@]}; at++)); do
      [[ ${climb_paths[at]} ]] || continue
      first=${climb_first[at]} second=${climb_second[at]}
      if ((second == 0 || first > second)) || ! to_hex "${climb_paths[at]%% *}"; then
        climb_paths[at]= climb_now[at]=wrong
        continue
      fi
      sibling=$REPLY
      climb_paths[at]=${climb_paths[at]#* }
      if ((first & 1 || first == second)); then
        pending[at]=$sibling${climb_now[at]}
        while ((!(first & 1) && first)); do first=$((first >> 1)) second=$((second >> 1)); done
      else pending[at]=${climb_now[at]}$sibling; fi
      climb_first[at]=$((first >> 1)) climb_second[at]=$((second >> 1))
      moved=1
      if [[ ! ${node["${pending[at]}"]-} && ! ${asked["${pending[at]}"]-} ]]; then
        asked["${pending[at]}"]=1
        want+=("${pending[at]}")
        escape "01${pending[at]}"
        put "$REPLY"
      fi
    done
    ((moved)) || break
    if ((${#want[@]})); then
      hash_put
      for at in "${!want[@]}"; do node["${want[at]}"]=${hashed[at]}; done
    fi
    for at in "${!pending[@]}"; do climb_now[at]=${node["${pending[at]}"]}; done
  done
  for at in "${!climb_names[@]}"; do
    [[ ${climb_second[at]} == 0 && ${climb_now[at]} == "${climb_roots[at]}" ]] && continue
    unset "entry_ok[${climb_names[at]}]"
    find_fault "${climb_files[at]}.record" '与其证明文件不相符' 'and its proof do not lead to the signed root'
    find_fault "${climb_files[at]}.tlog-proof" '与其记录不相符' 'and its record do not lead to the signed root'
  done
  climb_names=() climb_paths=() climb_first=() climb_second=() climb_now=() climb_roots=() climb_files=()
}
hash_leaves() {
  local -i at
  ((put_count)) || return 0
  hash_put
  for at in "${!leaf_names[@]}"; do leaf["${leaf_names[at]}"]=${hashed[at]}; done
  leaf_names=()
}
declare -a leaf_names=()

# ---- the checks

# read_manifest FILE: which files it lists into listed (path -> digest), in order into listed_order.
read_manifest() {
  local line path last= form=1
  listed=() listed_order=()
  [[ ${size["$1"]-} ]] || { find_fault "$1" '缺少' 'is missing'; return 1; }
  while IFS= read -r line || { [[ $line ]] && form=; }; do
    if [[ ! $line =~ ^([0-9a-f]{64})\ \ ([A-Za-z0-9][A-Za-z0-9._/-]*)$ ]]; then form=; continue; fi
    path=${BASH_REMATCH[2]}
    [[ ! $last || $last < $path ]] || form=
    last=$path
    listed["$path"]=${BASH_REMATCH[1]}
    listed_order+=("$path")
  done < <(tr '\0' '!' <"./$1")
  [[ $form ]] || bad_form "$1"
}
compare() { # FILE: the files it lists against their digests
  local path
  for path in "${listed_order[@]}"; do
    listed_in["$path"]=$1
    if [[ ! ${size["$path"]-} ]]; then
      [[ ${unread["$path"]-} ]] || find_fault "$path" "缺少（$1 中列有此文件）" "is missing, though $1 lists it"
    elif [[ ${digest["$path"]-} != "${listed["$path"]}" && ${digest["$path"]-} ]]; then
      if [[ ${bad["$1"]-} ]]; then find_fault "$path" "与 $1 不符，而后者本身已损坏" "does not agree with $1, which is itself damaged"
      else find_fault "$path" "内容已改动（与 $1 不符）" "was altered: it does not agree with $1"; fi
    fi
  done
}

check_seal() {
  local -A parts
  parse_record seal seal.record
  seal_seq=${record_seq-}
  hash_leaves
  if parse_proof seal.tlog-proof; then
    if ! parse_checkpoint "$proof_note"; then bad_form seal.tlog-proof
    else
      ((${#trusted[@]})) && check_signatures seal.tlog-proof 1
      if is_sound seal.record seal.tlog-proof; then
        if [[ $proof_index != "$seal_seq" || $proof_index -ge $tree_size ]]; then
          find_fault seal.record '与其证明文件不相符' 'and its proof do not lead to the signed root'
          find_fault seal.tlog-proof '与其记录不相符' 'and its record do not lead to the signed root'
        else
          queue_inclusion seal "$proof_index" "$tree_size" "$proof_path" "$root" seal
          climb
        fi
        is_sound seal.record && [[ ${entry_type[seal]} != export.produced || ${entry_log[seal]} != "$origin" ]] &&
          find_fault seal.record '不是此存证日志的“export.produced”记录' 'is no entry export.produced of this log'
      fi
    fi
  fi
  parse_payload seal.payload && is_sound seal.record && [[ ${entry_payload[seal]} != "${digest[seal.payload]}" ]] &&
    find_fault seal.payload '与 seal.record 不符' 'does not agree with seal.record'
  parse_part seal.fact.part && is_sound seal.payload && [[ ${parts[fact]-} != "${digest[seal.fact.part]}" ]] &&
    find_fault seal.fact.part '与 seal.payload 不符' 'does not agree with seal.payload'
  local each
  for each in "${!fact[@]}"; do seal_fact["$each"]=${fact["$each"]}; done
  is_sound seal.fact.part tagmanifest-sha256.txt &&
    [[ ${fact[.tagmanifest.sha256]-} != "${digest[tagmanifest-sha256.txt]}" ]] &&
    find_fault tagmanifest-sha256.txt '不是存证日志所封存的清单' 'is not the manifest that the ledger sealed'
}

check_manifests() {
  local path
  local -A known=()
  if read_manifest tagmanifest-sha256.txt; then
    [[ ${listed_order[*]} == 'README.txt bag-info.txt bagit.txt manifest-sha256.txt verify.html verify.sh' ]] ||
      find_fault tagmanifest-sha256.txt '所列文件不是规定的六个' 'does not list the six files that it must'
    compare tagmanifest-sha256.txt
  fi
  if read_manifest manifest-sha256.txt; then
    for path in "${listed_order[@]}"; do
      [[ $path == data/* ]] || find_fault manifest-sha256.txt '列有 data/ 以外的文件' 'lists a file outside data/'
    done
    compare manifest-sha256.txt
  fi
  for path in README.txt bag-info.txt bagit.txt manifest-sha256.txt verify.html verify.sh tagmanifest-sha256.txt \
    seal.record seal.payload seal.fact.part seal.tlog-proof; do
    known["$path"]=1
    [[ ${size["$path"]-} || ${unread["$path"]-} ]] || find_fault "$path" '缺少' 'is missing'
  done
  for path in "${paths[@]#./}"; do
    [[ ${known["$path"]-} ]] && continue
    [[ ${listed_in["$path"]-} == manifest-sha256.txt ]] || find_fault "$path" '未列入任何清单' 'is listed in no manifest'
  done
  begin bagit.txt 1024 && [[ $REPLY != $'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n' ]] && bad_form bagit.txt
}

declare -A clip_entries=() clip_original=() clip_digest=() clip_size=() clip_state=() derived=() wanted=()
declare -a clips=()
# parse_package: data/package.json in its one form, split at its braces since no string in it holds one.
parse_package() {
  local path=data/package.json rest chunk id last=
  begin $path 67108864 || return 1
  local -a chunks=()
  mapfile -d '}' -t chunks <"./$path"
  local -i at=0 count=${#chunks[@]}
  local NAME='[A-Za-z0-9][A-Za-z0-9._-]*' LIST='((0|[1-9][0-9]{0,15})(,(0|[1-9][0-9]{0,15}))*)'
  local CLIP="^\\{\"clip\":\"($NAME)\",\"entries\":\\[$LIST\\],\"original\":(null|\"data/[A-Za-z0-9._/-]+\"),\"sha256\":\"([0-9a-f]{64})\",\"size_bytes\":(0|[1-9][0-9]{0,15}),\"state\":\"(whole|incomplete|disposed)\"\$"
  local MADE="^\\{\"kind\":\"(playable|disclosure)\",\"of\":\"($NAME)\",\"path\":\"(data/[A-Za-z0-9._/-]+)\",\"sha256\":\"([0-9a-f]{64})\"\$"
  local END="^\\],\"export\":\"($NAME)\",\"log\":\"([a-z0-9][a-z0-9./-]{0,127})\",\"log_size\":(0|[1-9][0-9]{0,15}),\"others\":\\[($LIST)?\\],\"v\":1\$"
  [[ ${REPLY: -1} == \} && ${chunks[0]} == '{"clips":['* ]] || { bad_form $path; return 1; }
  chunk=${chunks[0]#'{"clips":['}
  while [[ $chunk =~ $CLIP ]]; do
    id=${BASH_REMATCH[1]}
    clip_entries["$id"]=${BASH_REMATCH[2]} clip_original["$id"]=${BASH_REMATCH[6]//\"/} clip_digest["$id"]=${BASH_REMATCH[7]}
    clip_size["$id"]=${BASH_REMATCH[8]} clip_state["$id"]=${BASH_REMATCH[9]}
    clips+=("$id")
    [[ ! $last || $last < $id ]] && is_ascending "${clip_entries["$id"]}" || { bad_form $path; return 1; }
    last=$id
    case ${clip_state["$id"]}:${clip_original["$id"]} in
      disposed:null) ;;
      whole:"data/originals/$id."*) rest=${clip_original["$id"]#"data/originals/$id."} ;;&
      incomplete:"data/incomplete/$id."*) rest=${clip_original["$id"]#"data/incomplete/$id."} ;;&
      whole:"data/originals/$id."* | incomplete:"data/incomplete/$id."*)
        [[ $rest =~ ^[A-Za-z0-9]+$ ]] || { bad_form $path; return 1; }
        wanted["${clip_original["$id"]}"]=1 ;;
      *) bad_form $path; return 1 ;;
    esac
    chunk=${chunks[++at]-}
    [[ $chunk == ,* ]] || break
    chunk=${chunk:1}
  done
  [[ $chunk == '],"derived":['* && ${#clips[@]} -gt 0 ]] || { bad_form $path; return 1; }
  chunk=${chunk#'],"derived":['} last=
  while [[ $chunk =~ $MADE ]]; do
    rest=${BASH_REMATCH[3]#"data/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}."}
    [[ $rest != */* && $rest != "${BASH_REMATCH[3]}" && ${clip_state["${BASH_REMATCH[2]}"]-} ]] || { bad_form $path; return 1; }
    [[ ! $last || $last < ${BASH_REMATCH[3]} ]] || { bad_form $path; return 1; }
    last=${BASH_REMATCH[3]}
    derived["$last"]=${BASH_REMATCH[4]} wanted["$last"]=1
    chunk=${chunks[++at]-}
    [[ $chunk == ,* ]] || break
    chunk=${chunk:1}
  done
  [[ $chunk =~ $END ]] && ((at == count - 1)) || { bad_form $path; return 1; }
  export_id=${BASH_REMATCH[1]} log_name=${BASH_REMATCH[2]} log_size=${BASH_REMATCH[3]} others=${BASH_REMATCH[4]}
  is_ascending "$others" || { bad_form $path; return 1; }
}
is_ascending() { # NUMBERS with commas
  local -a numbers
  local -i at
  IFS=, read -ra numbers <<<"$1"
  for ((at = 1; at < ${#numbers[@]}; at++)); do ((numbers[at - 1] < numbers[at])) || return 1; done
}

check_entries() {
  local seq path name id
  local -a all=()
  local -A parts=() is_entry=() part_files=()
  for id in "${clips[@]}"; do all+=(${clip_entries["$id"]//,/ }); done
  all+=(${others//,/ })
  for seq in "${all[@]}"; do is_entry[$seq]=1; done
  for path in "${paths[@]#./}"; do
    [[ $path == data/ledger/entries/* ]] || continue
    name=${path#data/ledger/entries/}
    if [[ ! $name =~ ^(0|[1-9][0-9]{0,15})\.(record|payload|tlog-proof|([a-z][a-z0-9_]{0,31})\.part)$ || ! ${is_entry["${BASH_REMATCH[1]}"]-} ]]; then
      find_fault "$path" '所属记录未列入 data/package.json' 'is of no entry that data/package.json names'
    elif [[ ${BASH_REMATCH[3]} ]]; then part_files[${BASH_REMATCH[1]}]+=" ${BASH_REMATCH[3]}"; fi
  done
  for seq in "${!is_entry[@]}"; do
    path=data/ledger/entries/$seq
    parse_record "$seq" "$path.record" || continue
    [[ $record_seq == "$seq" ]] || find_fault "$path.record" '序号与文件名不符' 'has another number than its name'
    [[ ${entry_log[$seq]} == "$log_origin" ]] || find_fault "$path.record" '属于另一存证日志' 'is of another log'
  done
  hash_leaves
  for seq in "${!is_entry[@]}"; do
    path=data/ledger/entries/$seq
    if parse_proof "$path.tlog-proof" && is_sound data/ledger/checkpoint; then
      if [[ $proof_note != "$log_note" ]]; then
        find_fault "$path.tlog-proof" '不是依据 data/ledger/checkpoint 的证明' 'is not under data/ledger/checkpoint'
      elif [[ $proof_index != "$seq" ]] || ((proof_index >= log_tree_size)); then
        find_fault "$path.tlog-proof" '序号与文件名不符' 'has another number than its name'
      elif is_sound "$path.record"; then
        queue_inclusion "$seq" "$seq" "$log_tree_size" "$proof_path" "$log_root" "$path"
      fi
    fi
    parse_payload "$path.payload" || continue
    if is_sound "$path.record" && [[ ${entry_payload[$seq]} != "${digest["$path.payload"]}" ]]; then
      find_fault "$path.payload" "与 $seq.record 不符" "does not agree with $seq.record"
      continue
    fi
    for name in ${part_files[$seq]-}; do
      is_sound "$path.$name.part" || continue
      [[ ${parts[$name]-} == "${digest["$path.$name.part"]}" ]] ||
        find_fault "$path.$name.part" "与 $seq.payload 不符" "does not agree with $seq.payload"
    done
  done
  climb
  for id in "${clips[@]}"; do check_clip "$id"; done
  for seq in "${!is_entry[@]}"; do
    is_sound "data/ledger/entries/$seq.record" || continue
    name=${entry_subjects[$seq]-}
    while [[ $name =~ \"clip:([^\"]+)\"(.*) ]]; do
      id=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
      [[ ! ${clip_entries["$id"]-} || ,${clip_entries["$id"]}, == *,$seq,* ]] ||
        find_fault "data/ledger/entries/$seq.record" "关于 $id，但未列入其记录" "is about $id, but is not listed with it"
    done
  done
}

check_clip() {
  local id=$1 seq path before=null found taken= destroyed= whole=1 gap=
  for seq in ${clip_entries["$id"]//,/ }; do
    path=data/ledger/entries/$seq.record
    is_sound "$path" && [[ ${entry_ok[$seq]-} ]] || { gap=1 whole=; continue; }
    if [[ ! ${entry_subjects[$seq]} =~ ,\"clip:"$id"\":(null|\"([0-9a-f]{64})\"), ]]; then
      find_fault "$path" "与 $id 无关" "is not about $id"
      continue
    fi
    found=${BASH_REMATCH[2]:-null}
    [[ $gap || $found == "$before" ]] ||
      find_fault "$path" "与 $id 的上一条记录不相连（有缺漏）" "does not follow the entry about $id before it: one is missing"
    gap= before=${leaf[$seq]}
    case ${entry_type[$seq]} in
      clip.ingested) taken=$seq ;;
      clip.incomplete) [[ $taken && ${entry_type[$taken]} == clip.ingested ]] || taken=$seq ;;
      clip.disposed) destroyed=1 ;;
    esac
  done
  path=${clip_original["$id"]}
  if [[ $path != null ]] && is_sound "$path"; then
    [[ ${digest["$path"]} == "${clip_digest["$id"]}" && ${size["$path"]} == "${clip_size["$id"]}" ]] ||
      find_fault "$path" '不是 data/package.json 所述的原始文件' 'is not the original that data/package.json names'
  fi
  if [[ ! $taken ]]; then
    [[ ! $whole ]] || find_fault data/package.json "没有 $id 的入库记录" "names $id, which was never taken in"
    return
  fi
  seq=${entry_time[$taken]}
  [[ $earliest && ! $seq < $earliest ]] || earliest=$seq
  [[ $latest && ! $seq > $latest ]] || latest=$seq
  case ${clip_state["$id"]}:${entry_type[$taken]}:$destroyed in
    whole:clip.ingested:* | incomplete:clip.incomplete:* | disposed:*:1) ;;
    *) [[ ! $whole ]] || find_fault data/package.json "$id 的状态与存证日志不符" "gives $id another state than the ledger" ;;
  esac
  path=data/ledger/entries/$taken.fact.part
  if parse_part "$path"; then
    [[ ${fact[.digest.sha256]-} == "${clip_digest["$id"]}" && ${fact[.size_bytes]-} == "${clip_size["$id"]}" && ${fact[.clip]-} == "$id" ]] ||
      find_fault data/package.json "与 $path 不符" "does not agree with $path"
  fi
}

check_contents() {
  local path id
  for id in "${clips[@]}"; do wanted["data/clips/$id.json"]=1; done
  for path in "${!wanted[@]}"; do [[ ${size["$path"]-} || ${unread["$path"]-} ]] || find_fault "$path" '缺少' 'is missing'; done
  for path in "${paths[@]#./}"; do
    case $path in
      data/originals/ascmhl/*) ;;
      data/originals/* | data/incomplete/* | data/playable/* | data/disclosure/* | data/clips/*)
        [[ ${wanted["$path"]-} ]] || find_fault "$path" '未列入 data/package.json' 'is not named by data/package.json' ;;
    esac
  done
  for path in "${!derived[@]}"; do
    is_sound "$path" && [[ ${digest["$path"]} != "${derived["$path"]}" ]] &&
      find_fault "$path" '与 data/package.json 不符' 'does not agree with data/package.json'
  done
}

check_witnesses() {
  local id name text=data/ledger/witnesses.txt
  local -i at good
  for id in "${!witness_keys[@]}"; do
    name=${id% *} good=0
    for ((at = 0; at < ${#note_names[@]}; at++)); do
      [[ "${note_names[at]} ${note_ids[at]}" == "$id" ]] || continue
      good=-1
      cosigned "${witness_keys["$id"]}" "${note_signatures[at]}" "$body" || break
      good=1
    done
    if ((good == 1)); then
      name=${name@Q}
      if [[ ${given_witnesses["$id"]-} ]]; then
        notes+=("$(say "见证：$name（所用公钥由您提供）" "Cosigned by $name, whose key you gave")")
      else
        notes+=("$(say "见证：$name（公钥取自本证据包，请与见证方公布的核对）" "Cosigned by $name; its key is from the package, so compare it with the one that the witness publishes")")
      fi
    else find_fault data/ledger/checkpoint "没有 ${name@Q} 的有效见证签名" "holds no cosignature of ${name@Q} that verifies"; fi
  done
}

check_timestamps() {
  local path
  local -i count=0
  for path in "${paths[@]#./}"; do
    [[ $path == data/ledger/timestamps/* ]] || continue
    count+=1
    [[ $tsa_ca ]] || continue
    printf '%s' "$log_body" >"$scratch/text"
    is_sound "$path" && { openssl ts -verify -in "./$path" -data "$scratch/text" -CAfile "$tsa_ca" >/dev/null 2>&1 ||
      find_fault "$path" '时间戳验证失败' 'is no time stamp over the checkpoint that verifies'; }
  done
  ((count)) || return 0
  if [[ $tsa_ca ]]; then notes+=("$(say "时间戳：已校验 $count 个" "Time stamps checked: $count")")
  else notes+=("$(say "时间戳：有 $count 个，未校验（用 --tsa-ca 给出时间戳机构的根证书）" "Time stamps: $count, not checked (give the authority's root certificate with --tsa-ca)")"); fi
}

# ---- main

declare -a outside_keys=() outside_witnesses=() paths=() listed_order=() key_lines=()
declare -a note_names=() note_ids=() note_signatures=()
declare -A listed=() folded_names=() unread=() fact=() seal_fact=() given_witnesses=()
tsa_ca= folder= earliest= latest= log_note= log_root= log_origin= log_tree_size=0 log_body= scratch= seal_seq=

usage='verify.sh [--key VKEY|FILE] [--witness VKEY|FILE] [--tsa-ca FILE] [DIR]'
take_key() { if [[ -f $1 ]]; then IFS= read -r -d '' REPLY <"$1"; else REPLY=$1$'\n'; fi; }
while (($#)); do
  case $1 in
    --key | --witness | --tsa-ca)
      (($# > 1)) || stop "用法：$usage" "Usage: $usage"
      case $1 in
        --key) take_key "$2"; outside_keys+=("$REPLY") ;;
        --witness) take_key "$2"; outside_witnesses+=("$REPLY") ;;
        *)
          [[ -r $2 && -f $2 ]] || stop "无法读取 ${2@Q}" "${2@Q} can't be read"
          tsa_ca=$(realpath -- "$2") ;;
      esac
      shift 2 ;;
    --help | -h) printf '%s\n' "$usage"; exit 0 ;;
    --) shift; break ;;
    -*) stop "用法：$usage" "Usage: $usage" ;;
    *) [[ ! $folder ]] || stop "用法：$usage" "Usage: $usage"; folder=$1; shift ;;
  esac
done
(($#)) && folder=$1
if [[ ! $folder ]]; then
  folder=.
  [[ ${BASH_SOURCE[0]} == */* ]] && folder=${BASH_SOURCE[0]%/*}
fi
[[ $folder == /* ]] || folder=./$folder
for program in openssl stat tr rm mktemp realpath date; do
  command -v "$program" >/dev/null || stop "缺少程序 $program" "The program $program is missing"
done
scratch=$(mktemp -d 2>/dev/null) && [[ -d $scratch ]] || stop '无法建立临时文件夹' 'No temporary folder can be made (set TMPDIR)'
trap '[[ $scratch ]] && rm -rf -- "$scratch"' EXIT
trap 'exit 2' HUP INT TERM
test_ed25519 || stop '本机的 openssl 不能校验 Ed25519 签名' "This machine's openssl can't check Ed25519 signatures"
cd -- "$folder" 2>/dev/null || stop "无法打开文件夹 ${folder@Q}" "The folder ${folder@Q} can't be opened"
[[ -e bagit.txt || -e tagmanifest-sha256.txt || -e data/package.json ]] ||
  stop "${folder@Q} 不是电子证据包" "${folder@Q} is no court package"
for text in ${outside_keys[@]+"${outside_keys[@]}"}; do
  learn_log_keys "$text" || stop '--key 给出的不是存证日志公钥' 'What --key gives is no verifier key of a log'
done
for text in ${outside_witnesses[@]+"${outside_witnesses[@]}"}; do
  learn_keys "$text" 04 witness_keys given_witnesses || stop '--witness 给出的不是见证公钥' 'What --witness gives is no key of a witness'
done

walk ''
hash_all
for path in "${paths[@]#./}"; do [[ ${size["$path"]-} && ${digest["$path"]-} ]] || unread["$path"]=1; done

if begin data/ledger/log.vkey 65536; then
  key_lines=()
  if ((${#outside_keys[@]})); then
    declare -A own_keys=()
    learn_keys "$REPLY" 01 own_keys || bad_form data/ledger/log.vkey
    same=
    for id in "${!own_keys[@]}"; do
      [[ ${trusted["$id"]-} == "${own_keys["$id"]}" ]] && same=1
      log_keys["$id"]=${own_keys["$id"]}
    done
    [[ $same || ${bad[data/ledger/log.vkey]-} ]] ||
      find_fault data/ledger/log.vkey '不是您给出的公钥' 'is not the key that you gave'
    notes+=("$(say '存证日志公钥由您提供' 'The key of the log is the one that you gave')")
  elif learn_log_keys "$REPLY"; then
    notes+=("$(say "存证日志公钥取自本证据包，请与单位公布的核对：" 'The key of the log was taken from the package; compare it with the one that the station publishes:')")
    for line in "${key_lines[@]}"; do notes+=("  $line"); done
  else
    log_keys=() trusted=()
    bad_form data/ledger/log.vkey
  fi
fi
if [[ ${size[data/ledger/witnesses.txt]-} ]] && begin data/ledger/witnesses.txt 65536; then
  learn_keys "$REPLY" 04 witness_keys || bad_form data/ledger/witnesses.txt
fi

check_seal
check_manifests
if begin data/ledger/checkpoint 262144; then
  log_note=$REPLY
  if parse_checkpoint "$log_note"; then
    log_origin=$origin log_tree_size=$tree_size log_root=$root log_body=$body
    ((${#trusted[@]})) && check_signatures data/ledger/checkpoint 0
    check_witnesses
    check_timestamps
    is_sound seal.fact.part && [[ ${seal_fact[.log_size]-} != "$log_tree_size" ]] &&
      find_fault data/ledger/checkpoint '大小与 seal.fact.part 不符' 'has another size than seal.fact.part says'
    is_sound seal.record && [[ ${entry_log[seal]} != "$log_origin" || $seal_seq -lt $log_tree_size ]] &&
      find_fault seal.record '与 data/ledger/checkpoint 不符' 'does not agree with data/ledger/checkpoint'
  else bad_form data/ledger/checkpoint; fi
fi
if parse_package; then
  if is_sound data/ledger/checkpoint && [[ $log_name != "$log_origin" || $log_size != "$log_tree_size" ]]; then
    find_fault data/package.json '与 data/ledger/checkpoint 不符' 'does not agree with data/ledger/checkpoint'
  fi
  if is_sound seal.fact.part && [[ $export_id != "${seal_fact[.export]-}" || $log_size != "${seal_fact[.log_size]-}" ]]; then
    find_fault data/package.json '与 seal.fact.part 不符' 'does not agree with seal.fact.part'
  fi
  [[ $log_origin ]] || log_origin=$log_name
  check_entries
  check_contents
  declare -i incomplete=0 disposed=0
  for id in "${clips[@]}"; do
    [[ ${clip_state["$id"]} == incomplete ]] && incomplete+=1
    [[ ${clip_state["$id"]} == disposed ]] && disposed+=1
  done
  notes+=("$(say "音像记录 ${#clips[@]} 条，文件 ${#paths[@]} 个，共 $total_bytes 字节" "Recordings: ${#clips[@]}; files: ${#paths[@]}; bytes: $total_bytes")")
  ((incomplete)) && notes+=("$(say "其中 $incomplete 条未能完整读出，缺失部分以零填充" "Could not be read whole, with zeros for what is missing: $incomplete")")
  ((disposed)) && notes+=("$(say "其中 $disposed 条已依法销毁，不在包内" "Destroyed by law and not in the package: $disposed")")
fi
if [[ $earliest ]]; then
  first_time=$(date -d "$earliest" '+%Y-%m-%d %H:%M:%S %z' 2>/dev/null) || first_time=$earliest
  last_time=$(date -d "$latest" '+%Y-%m-%d %H:%M:%S %z' 2>/dev/null) || last_time=$latest
fi
# The verdict is made of findings alone; what should have been checked and was not must be one.
[[ $first_time && $log_root && ${#trusted[@]} -gt 0 ]] || ((${#findings[@]} + ${#failures[@]})) || fail_check '校验未进行完' 'The check did not come to its end'
finish
