#!/usr/bin/env bash
# Puts an image set below data/ (or FAKEFACE_DATA), checked. A thin wrapper: Python does the work.
#
#   ./data_download.sh 140k|yonsei            fetch a set from Kaggle; a second call resumes
#   ./data_download.sh --sample               draw the testbed: no account, no network
#   ./data_download.sh --from-zip FILE        a zip from Kaggle, either set, whole or in part
#   ./data_download.sh --from-dir DIR         the same, already unpacked
#   add --dest DIR to put it elsewhere; with 140k|yonsei, --keep-archive keeps the zip
#
# On Windows: python -m fakeface_utils download 140k | sample | import --from-zip FILE | import --from-dir DIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

python=$here/.venv/bin/python
[[ -x $python ]] || python=$(command -v python3 || command -v python) || {
  echo "error: no Python found; run \`make course\` once, or install Python 3.11 to 3.13" >&2
  exit 2
}

case ${1:-} in
  140k | yonsei) set -- download "$@" ;;
  --sample) shift; set -- sample "$@" ;;
  --from-zip | --from-dir) set -- import "$@" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
if ! "$python" -c 'import fakeface_utils.cli' 2>/dev/null; then
  echo "error: the kit is not installed for $python; run \`make course\` once, or \`pip install -e .\`" >&2
  exit 2
fi
exec "$python" -m fakeface_utils "$@"
