#!/bin/bash
# apt-repo.sh: tries scripts/apt-repo.sh with a key made for the purpose, tiny packages and a real
# apt, whose files are all in a temporary folder. Nothing of this machine's apt is touched.
set -euo pipefail
export LC_ALL=C

cd "$(dirname "$(readlink -f "$0")")/.."
readonly EARLY=1600000000 LATE=1700000000
FAILED=0 DIR="" SERVER="" PORT=""
unset "${!MESHCHAT_APT_@}"
# shellcheck source=tests/apt-tools.sh
. tests/apt-tools.sh

main() {
  local tool
  for tool in apt-get apt-ftparchive gpg gpgconf xz python3; do
    command -v $tool >/dev/null || { echo "apt-repo: skipped: $tool is not installed"; exit 0; }
  done
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  DIR=$(mktemp -d)
  mkdir "$DIR/debs" "$DIR/more"
  new_key one
  new_key two
  new_key locked secret
  serve
  explains_what_is_missing
  same_input_same_bytes
  installs
  offers_other_architectures
  unattended_upgrades_take_it
  upgrades_and_downgrades
  refuses_other_bytes
  refuses_what_was_changed
  refuses_other_keys
  changes_keys
  comes_back_when_ended
  ages
  takes_keys_in_each_form
  leaves_nothing
  [ $FAILED = 0 ] || { echo "apt-repo: $FAILED checks failed"; exit 1; }
  echo "apt-repo: ok, $SECONDS s"
}

explains_what_is_missing() {
  fails "no packages" scripts/apt-repo.sh --debs "$DIR/more" --out "$DIR/apt"
  said "it says how to make packages" 'make deb'
  deb meshchat 1.0 amd64
  fails "no key" scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt"
  said "it says how to give a key" 'MESHCHAT_APT_KEY=FILE'
  fails "a word as number" env MESHCHAT_APT_KEEP=all scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt"
  fails "a wrong passphrase" env MESHCHAT_APT_PASSPHRASE=wrong MESHCHAT_APT_KEY="$DIR/locked.asc" \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt"
  check "nothing was made" [ ! -e "$DIR/apt/dists" ]
}

same_input_same_bytes() {
  deb meshchat 1.0 arm64
  deb meshchat-gateway 1.0 amd64
  MESHCHAT_APT_DATE=$LATE repo
  cp -a "$DIR/apt" "$DIR/first"
  # Other times of files, another order in the folder, and longer ago.
  mkdir "$DIR/debs.new"
  local deb
  for deb in $(find "$DIR/debs" -type f | sort -r); do cp "$deb" "$DIR/debs.new/"; done
  rm -r "$DIR/debs"
  mv "$DIR/debs.new" "$DIR/debs"
  MESHCHAT_APT_DATE=$LATE repo
  check "the same packages, key and date make the same repository" diff -r "$DIR/first" "$DIR/apt"
  check "everybody can read it" [ -z "$(find "$DIR/apt" ! -perm -o=r -o -type d ! -perm -o=x)" ]
}

installs() {
  new_root one
  : >"$DIR/requests"
  check "apt takes the repository" apt_ update
  check "indexes come by their hash" grep -q 'GET /dists/stable/main/binary-amd64/by-hash/SHA256/[0-9a-f]\{64\} ' "$DIR/requests"
  check "and not by their name" lacks 'binary-amd64/Packages' "$DIR/requests"
  (cd "$DIR/more" && apt_ download meshchat) || true
  check "a package arrives as it was built" cmp "$DIR/debs/meshchat_1.0_amd64.deb" "$DIR/more/meshchat_1.0_amd64.deb"
  apt_ -s install meshchat meshchat-gateway || true
  said "both can be installed" 'Inst meshchat (1.0 meshchat:stable'
  said "both can be installed" 'Inst meshchat-gateway (1.0 meshchat:stable'
}

offers_other_architectures() {
  check "another architecture is there" apt_ -o APT::Architecture=arm64 -o APT::Architectures=arm64 update
  apt_ -o APT::Architecture=arm64 -o APT::Architectures=arm64 -s install meshchat || true
  said "it has its own package" 'Inst meshchat (1.0 meshchat:stable \[arm64\]'
  apt_ -o APT::Architecture=armhf -o APT::Architectures=armhf update || true
  check "without packages there is no warning" lacks '^[WE]:' "$DIR/words"
  apt_ update
}

upgrades_and_downgrades() {
  installed meshchat 1.0 amd64
  rm "$DIR"/debs/*
  deb meshchat 1.10~rc1 amd64
  deb meshchat 1.9 amd64
  deb meshchat 1.10 amd64
  local old
  old=$(sed -nE '/^SHA256:/,$ s!^ ([0-9a-f]{64}) .* main/binary-amd64/Packages.xz$!\1!p' "$DIR/apt/dists/stable/Release")
  MESHCHAT_APT_KEEP=3 repo
  check "who has the last Release finds its indexes" \
    [ -e "$DIR/apt/dists/stable/main/binary-amd64/by-hash/SHA256/$old" ]
  apt_ update
  apt_ -s dist-upgrade || true
  said "the highest version is offered" 'Inst meshchat \[1.0\] (1.10 meshchat:stable'
  apt_ -s --allow-downgrades install meshchat=1.9 || true
  said "an older one can be asked for" 'Inst meshchat \[1.0\] (1.9 meshchat:stable'
  check "the oldest of four is gone" [ ! -e "$DIR/apt/pool/main/m/meshchat/meshchat_1.0_amd64.deb" ]
  check "that of another architecture stays" [ -e "$DIR/apt/pool/main/m/meshchat/meshchat_1.0_arm64.deb" ]
  local debs=("$DIR"/debs/*)
  mv "${debs[@]}" "$DIR/more/"
  MESHCHAT_APT_KEEP=3 repo
  check "what is published can be signed again without being built" [ -e "$DIR/apt/pool/main/m/meshchat/meshchat_1.10_amd64.deb" ]
  mv "${debs[@]/debs/more}" "$DIR/debs/"
  repo
  check "without KEEP there is what was built" [ ! -e "$DIR/apt/pool/main/m/meshchat/meshchat_1.0_arm64.deb" ]
}

# The program itself, of Debian's package, without installing that here: it would switch them on.
unattended_upgrades_take_it() {
  local why
  if ! why=$(get_unattended_upgrades); then
    echo "apt-repo: unattended upgrades: skipped: $why"
    return
  fi
  installed meshchat 0.9 amd64
  unattended_upgrade
  said "unattended upgrades leave it alone unless told" 'No packages found that can be upgraded unattended'
  cp packaging/apt/52meshchat-unattended-upgrades "$DIR/root/etc/apt/apt.conf.d/"
  unattended_upgrade
  said "unattended upgrades take it with that file" 'Packages that will be upgraded: meshchat$'
}

get_unattended_upgrades() {
  unshare --mount true 2>/dev/null || { echo "it needs root"; exit 1; }
  /usr/bin/python3 -c 'import apt, distro_info' 2>/dev/null ||
    { echo "python3-apt or python3-distro-info is not installed"; exit 1; }
  (cd "$DIR/more" && timeout -k 1 30 apt-get -qq download unattended-upgrades) >/dev/null 2>&1 ||
    { echo "Debian's package of that name cannot be had from here"; exit 1; }
  dpkg-deb -x "$DIR"/more/unattended-upgrades_*.deb "$DIR/unattended"
}

# It and python3-apt know their places too well to be told others: they see ours there.
unattended_upgrade() {
  local root=$DIR/root
  grep -v '^Dir' "$root/apt.conf" >"$root/etc/apt/apt.conf"
  # shellcheck disable=SC2016 # the inner shell expands them
  timeout -k 1 60 unshare --mount -- bash -c '
    set -e
    mount -t tmpfs tmpfs /run
    for folder in etc/apt var/lib/apt var/lib/dpkg var/cache/apt var/log; do
      mount --bind "$1/$folder" "/$folder"
    done
    exec /usr/bin/python3 "$2" --dry-run --debug' \
    inside "$root" "$DIR/unattended/usr/bin/unattended-upgrade" >"$DIR/words" 2>&1 || true
}

refuses_other_bytes() {
  rm "$DIR"/debs/*
  deb meshchat 1.10 amd64 other
  fails "other bytes under a published version" env MESHCHAT_APT_KEEP=1 MESHCHAT_APT_KEY="$DIR/one.asc" \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt"
  said "it says what to do" 'raise the version'
  check "the old repository is still there" [ -e "$DIR/apt/dists/stable/InRelease" ]
}

refuses_what_was_changed() {
  rm "$DIR"/debs/*
  deb meshchat 2.0 amd64
  repo
  cp -a "$DIR/apt" "$DIR/good"
  change "the list of hashes" Release 's/^Label: meshchat/Label: moshchat/'
  change "an index" binary-amd64 's/Version: 2.0/Version: 9.0/'
  restore
  sed -i 's/./&/; $ s/$/x/' "$DIR"/apt/pool/main/m/meshchat/*.deb
  new_root one
  apt_ update
  rm -f "$DIR"/more/*.deb
  check "a changed package is refused" fails_quietly apt_in "$DIR/more" download meshchat
  said "the reason is in the words" 'Hash Sum mismatch\|unexpected size'
  check "and is not kept" [ -z "$(find "$DIR/more" -name '*.deb')" ]
  restore
  check "as it was, it is taken again" apt_ update
}

# Changes all files of the repository whose path has PART in it.
change() { # WHAT PART SED
  local file
  restore
  while read -r file; do
    # What is under the name of its hash has no ending.
    if xz -t "$file" 2>/dev/null; then
      xz -dc "$file" | sed "$3" | xz >"$DIR/changed"
    elif gzip -t "$file" 2>/dev/null; then
      gzip -dc "$file" | sed "$3" | gzip >"$DIR/changed"
    else
      sed "$3" "$file" >"$DIR/changed"
    fi
    mv "$DIR/changed" "$file"
  done < <(find "$DIR/apt/dists" -type f -path "*$2*")
  new_root one
  apt_ update || true
  said "$1, changed, is refused" '^E:'
  apt_ policy meshchat || true
  check "nothing of it is offered" lacks 'Candidate: [0-9]' "$DIR/words"
}

restore() {
  rm -rf "$DIR/apt"
  cp -a "$DIR/good" "$DIR/apt"
}

refuses_other_keys() {
  new_root two
  check "another key is refused" fails_quietly apt_ update
  said "the reason is in the words" 'NO_PUBKEY\|not available\|missing key'
}

# The three steps of packaging/APT.md, with what is published kept.
changes_keys() {
  local one=$DIR/one.pub two=$DIR/two.pub first both
  MESHCHAT_APT_KEEP=9 repo
  new_root one
  first=$(keyring_offered)
  MESHCHAT_APT_KEEP=9 MESHCHAT_APT_MORE_KEYS=$two repo
  both=$(keyring_offered)
  check "a key more is an upgrade" dpkg --compare-versions "$both" gt "$first"
  take_keyring
  MESHCHAT_APT_KEEP=9 MESHCHAT_APT_KEY=$DIR/two.asc MESHCHAT_APT_MORE_KEYS=$one repo
  check "with it apt takes what the next key signs" apt_ update
  check "the same keys are no upgrade" [ "$(keyring_offered)" = "$both" ]
  MESHCHAT_APT_KEEP=9 MESHCHAT_APT_KEY=$DIR/two.asc repo
  check "a key less is an upgrade" dpkg --compare-versions "$(keyring_offered)" gt "$both"
  take_keyring
  check "the old key is gone with it" cmp "$two" "$DIR/root/usr/share/keyrings/meshchat-archive-keyring.gpg"
  repo
  apt_ update || true
  said "what it signs is refused then" 'NO_PUBKEY\|not available\|missing key'
}

keyring_offered() {
  apt_ update || true
  apt_ policy meshchat-archive-keyring || true
  sed -n 's/^  Candidate: //p' "$DIR/words"
}

# Into the root that apt looks at, as dpkg would.
take_keyring() {
  rm -f "$DIR"/more/*.deb
  (cd "$DIR/more" && apt_ download meshchat-archive-keyring) || true
  dpkg-deb -x "$DIR"/more/meshchat-archive-keyring_*_all.deb "$DIR/root"
  check "the package has the keys that are beside the repository" \
    cmp "$DIR/apt/meshchat-archive-keyring.gpg" "$DIR/root/usr/share/keyrings/meshchat-archive-keyring.gpg"
}

# Just after the old repository has left its place.
comes_back_when_ended() {
  local real
  real=$(command -v mv)
  mkdir "$DIR/bin"
  # shellcheck disable=SC2016 # that shell expands them
  printf '#!/bin/sh\ncase $2 in *.new.*) kill -TERM $PPID; exit 1 ;; esac\nexec %s "$@"\n' "$real" >"$DIR/bin/mv"
  chmod 755 "$DIR/bin/mv"
  local before
  before=$(sha256sum <"$DIR/apt/dists/stable/InRelease")
  fails "being ended" env PATH="$DIR/bin:$PATH" MESHCHAT_APT_KEY="$DIR/one.asc" \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt"
  check "the old repository is in place" [ "$(sha256sum <"$DIR/apt/dists/stable/InRelease")" = "$before" ]
}

# No date of expiry unless asked for: a repository that nobody signs again stays usable.
ages() {
  rm -f "$DIR"/apt/pool/main/m/meshchat-archive-keyring/*
  MESHCHAT_APT_DATE=$LATE repo
  new_root one
  check "years later it is still taken" apt_ update
  MESHCHAT_APT_DATE=$LATE MESHCHAT_APT_VALID_DAYS=60 repo
  new_root one
  check "with an end it is refused after that" fails_quietly apt_ update
  said "the reason is in the words" 'expired'
  MESHCHAT_APT_VALID_DAYS=60 repo
  check "signed again, it is taken" apt_ update
}

takes_keys_in_each_form() {
  check "as text" env MESHCHAT_APT_KEY="$(cat "$DIR/one.asc")" \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt" >/dev/null
  check "with a passphrase" env MESHCHAT_APT_KEY="$DIR/locked.asc" MESHCHAT_APT_PASSPHRASE=secret \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt" >/dev/null
  echo secret >"$DIR/passphrase"
  check "with a passphrase in a file" env MESHCHAT_APT_KEY="$DIR/locked.asc" MESHCHAT_APT_PASSPHRASE_FILE="$DIR/passphrase" \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt" >/dev/null
  check "from a GnuPG of the user's own" env GNUPGHOME="$DIR/gpg-two" MESHCHAT_APT_KEYID=two@example.org \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt" >/dev/null
  new_root two
  check "and apt takes that" apt_ update
}

leaves_nothing() {
  check "no key is left" [ -z "$(compgen -G '/dev/shm/meshchat-apt.*')" ]
  check "no agent is left" [ -z "$(grep -laz 'gpg-agent.*meshchat-apt\.' /proc/[0-9]*/cmdline 2>/dev/null)" ]
  check "no half repository is left" [ -z "$(compgen -G "$DIR/apt.*")" ]
}

main
