#!/usr/bin/env bash
# Run Pants where only the Python registry is in reach, or where nobody has installed the `pants` launcher.
#   maintenance/pants/offline.sh GOAL...      e.g.  maintenance/pants/offline.sh test tests/zoo::
# The launcher needs none of this: it reads pants.toml and fetches the same version.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=$(sed -n 's/^pants_version *= *"\(.*\)"/\1/p' "$root/pants.toml")
home=${PANTS_OFFLINE_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/pants-offline/$version}
certificates=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
# What was set up by another state of these files is set up anew.
state=$(cat "$0" "$here/constraints.txt" | cksum)

# Print the real path of a Python of one version that can make environments: $1 is the version, $2 a choice of the user's.
# A shim on the PATH may answer to the name and refuse to run: each candidate is asked.
find_python() {
  local candidate found
  for candidate in "$2" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python \
      "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-"$1".*/bin/python \
      $(type -ap "python$1" || true) "$(type -P python3 || true)"; do
    found=$("$candidate" -c "import ensurepip, os, sys, venv
if '%d.%d' % sys.version_info[:2] != '$1': sys.exit(1)
print(os.path.realpath(sys.executable))" 2>/dev/null) && { echo "$found"; return; }
  done
  echo "Pants $version must have Python 3.9 to run in and Python 3.11 to build with, each with its venv module (got no $1," \
    "neither on the PATH nor of pyenv nor of uv); name one in $3, or install the \`pants\` launcher" >&2
  return 1
}

if [ "$(cat "$home/ready" 2>/dev/null)" != "$state" ] || ! "$home/venv/bin/python" -c '' 2>/dev/null; then
  python39=$(find_python 3.9 "${PANTS_PYTHON39:-}" PANTS_PYTHON39)
  python311=$(find_python 3.11 "${PANTS_PYTHON311:-}" PANTS_PYTHON311)
  echo "setting up Pants $version in $home: about 300 MB on disk" >&2
  rm -rf "$home" && mkdir -p "$home"
  "$python39" -m venv "$home/venv"
  pip=("$home/venv/bin/pip" -qq --disable-pip-version-check)
  "${pip[@]}" install --constraint "$here/constraints.txt" "pantsbuild.pants==$version"
  # Pants would download the Pex command from where its releases are kept; here it is made from the registry's wheel.
  # Without --no-strip-pex-env it ignores PEX_ROOT, and gigabytes land in the home directory.
  pex=$("$home/venv/bin/python" -c \
    'from pants.backend.python.util_rules.pex_cli import PexCli; print(PexCli.default_version.lstrip("v"))')
  "${pip[@]}" download --no-deps --dest "$home/wheels" "pex==$pex"
  PEX_ROOT="$home/pex_root" "$home/venv/bin/pex" --no-pypi --find-links "$home/wheels" "pex==$pex" --script pex \
    --no-strip-pex-env --python-shebang '/usr/bin/env python' --output-file "$home/pex"
  rm -rf "$home/pex_root" "$home/wheels"
  {
    if [ -f "$certificates" ]; then printf '[GLOBAL]\nca_certs_path = "%s"\n\n' "$certificates"; fi
    "$home/venv/bin/python" - "$home/pex" "$pex" <<'PLATFORM'
import hashlib, pathlib, platform, sys

file, version = pathlib.Path(sys.argv[1]), sys.argv[2]
system = {"linux": "linux", "darwin": "macos"}[sys.platform]
machine = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
content = file.read_bytes()
known = f"v{version}|{system}_{machine}|{hashlib.sha256(content).hexdigest()}|{len(content)}"
print(f'[pex-cli]\nversion = "v{version}"\nurl_template = "{file.as_uri()}"\nknown_versions = ["{known}"]')
PLATFORM
    cat <<OVERLAY

[python-bootstrap]
search_path = ["$(dirname "$python311")", "$(dirname "$python39")"]

# Pex downloads with pip's old resolver, which fails where the machine's own configuration of pip names a constraint.
[subprocess-environment]
env_vars.add = ["PIP_CONFIG_FILE=/dev/null"]
OVERLAY
  } > "$home/pants.offline.toml"
  echo "$state" > "$home/ready"
fi

# Pants warns where it is not started by its launcher.
export NO_SCIE_WARNING=1 PANTS_CONFIG_FILES="$home/pants.offline.toml"
cd "$root"
exec "$home/venv/bin/pants" "$@"
