# shellcheck shell=bash
# apt-tools.sh, read by apt-repo.sh: packages, keys, a server and an apt that are for its checks
# alone.

readonly PATIENCE=20 # seconds for the server to listen

# ---- packages and keys

deb() { # PACKAGE VERSION ARCHITECTURE [TEXT]
  local tree=$DIR/tree
  mkdir -p "$tree/DEBIAN" "$tree/usr/share/doc/$1"
  echo "${4-} $1 $2 $3" >"$tree/usr/share/doc/$1/text"
  printf '%s\n' "Package: $1" "Version: $2" "Architecture: $3" "Maintainer: A <a@example.org>" \
    "Description: for a test" >"$tree/DEBIAN/control"
  SOURCE_DATE_EPOCH=$EARLY dpkg-deb --root-owner-group -b "$tree" "$DIR/debs/$1_$2_$3.deb" >/dev/null
  rm -r "$tree"
}

new_key() { # NAME [PASSPHRASE]
  local home=$DIR/gpg-$1
  mkdir -m 700 "$home"
  export GNUPGHOME=$home
  echo "s2k-count 65536" >"$home/gpg-agent.conf" # a passphrase that nobody guesses at: be quick
  # Older than all that it signs here.
  gpg --batch --quiet --faked-system-time "$EARLY" --pinentry-mode loopback --passphrase "${2-}" \
    --quick-generate-key "$1@example.org" ed25519 sign never 2>/dev/null
  gpg --batch --quiet --pinentry-mode loopback --passphrase "${2-}" --armor --export-secret-keys >"$DIR/$1.asc"
  gpg --batch --quiet --export >"$DIR/$1.pub"
  gpgconf --kill all
  unset GNUPGHOME
}

repo() {
  MESHCHAT_APT_KEY=${MESHCHAT_APT_KEY-$DIR/one.asc} MESHCHAT_APT_URL=http://127.0.0.1:$PORT \
    scripts/apt-repo.sh --debs "$DIR/debs" --out "$DIR/apt" >"$DIR/words" 2>&1 || {
    cat "$DIR/words"
    echo "apt-repo: FAILED: no repository was made"
    exit 1
  }
}

# ---- the server and apt

serve() {
  mkdir "$DIR/apt"
  # The folder is replaced by others of its name while it serves.
  python3 - "$DIR/apt" >"$DIR/port" 2>"$DIR/requests" <<'END' &
import functools, http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    # Times count in seconds here, and two repositories may be made within one.
    def send_head(self):
        del self.headers["If-Modified-Since"]
        return super().send_head()
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
END
  SERVER=$!
  local deadline=$((SECONDS + PATIENCE))
  until [ -s "$DIR/port" ]; do
    [ $SECONDS -lt $deadline ] || { echo "apt-repo: FAILED: no server"; exit 1; }
    sleep 0.05
  done
  PORT=$(cat "$DIR/port")
}

# An apt that has never seen anything, and trusts one key.
new_root() { # KEY
  local root=$DIR/root
  rm -rf "$root"
  mkdir -p "$root"/etc/apt/{apt.conf.d,sources.list.d,preferences.d,trusted.gpg.d} "$root/usr/share/keyrings" \
    "$root"/var/{run,lib/dpkg/updates,lib/apt/lists/partial,cache/apt/archives/partial,log/apt,log/unattended-upgrades}
  touch "$root/var/lib/dpkg/status"
  cp "$DIR/$1.pub" "$root/usr/share/keyrings/meshchat-archive-keyring.gpg"
  sed "s!/usr/share/keyrings!$root&!" "$DIR/apt/meshchat.sources" >"$root/etc/apt/sources.list.d/meshchat.sources"
  cat >"$root/apt.conf" <<END
Dir "$root";
Dir::State::status "$root/var/lib/dpkg/status";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
Unattended-Upgrade::Origins-Pattern { "origin=Debian"; };
Unattended-Upgrade::LogDir "$root/var/log/unattended-upgrades";
END
}

installed() { # PACKAGE VERSION ARCHITECTURE
  printf '%s\n' "Package: $1" "Status: install ok installed" "Version: $2" "Architecture: $3" \
    "Maintainer: A <a@example.org>" "Description: for a test" "" >"$DIR/root/var/lib/dpkg/status"
}

apt_() { APT_CONFIG=$DIR/root/apt.conf "$(apt_program "$@")" "$@" >"$DIR/words" 2>&1; }

apt_program() {
  case $1 in policy) echo apt-cache ;; *) echo apt-get ;; esac
}

apt_in() { # FOLDER ARGUMENT...
  (cd "$1" && shift && apt_ "$@")
}

# ---- checks

check() { # WHAT CONDITION...
  local what=$1
  shift
  "$@" && return
  echo "apt-repo: FAILED: $what"
  [ ! -s "$DIR/words" ] || sed 's/^/    /' "$DIR/words"
  FAILED=$((FAILED + 1))
}

fails() { # WHAT COMMAND...
  local what=$1
  shift
  check "$what is an error" fails_quietly said_by "$@"
}

fails_quietly() { ! "$@"; }
said_by() { "$@" >"$DIR/words" 2>&1; }
said() { check "$1" grep -q -- "$2" "$DIR/words"; }
lacks() { ! grep -q -- "$1" "$2"; }

clean() {
  trap - EXIT
  [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
  local home
  for home in "$DIR"/gpg-*; do
    [ ! -d "$home" ] || GNUPGHOME=$home gpgconf --kill all 2>/dev/null || true
  done
  rm -rf "$DIR"
}
