# SPDX-License-Identifier: MIT
#
# What the scripts of the test rig share: where things are, how progress and
# failure are told. POSIX sh; sourced, never run.

top=$(cd "$(dirname "$0")/../.." && pwd -P)
build=$top/build
root=$build/root

say() { printf '%s\n' "==> $*" >&2; }

# die STATUS MESSAGE: the one clear line at the end of a failure.
die() {
	status=$1
	shift
	printf '%s\n' "error: $*" >&2
	exit "$status"
}

# list FILE...: the entries of list files, without comments and blanks.
list() { sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$@"; }

# hash FILE...: one key that changes with the content of the files.
hash() { cat "$@" | sha256sum | cut -c1-16; }

# need_space DIR MIB PURPOSE: end early instead of in the middle of a step.
need_space() {
	mkdir -p "$1"
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die 95 "$3 needs $2 MB in $1, only $free MB are free"
}

# limited SECONDS LOG COMMAND...: run a long step quietly under a time limit
# and show the end of its log when it fails. In the foreground, for ^C to reach it.
limited() {
	limit=$1 log=$2
	shift 2
	mkdir -p "$(dirname "$log")"
	rc=0
	timeout --foreground -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null || rc=$?
	[ $rc -ne 0 ] || return 0
	tail -n 20 "$log" | sed 's/^/    /' >&2
	case $rc in
	124 | 137) printf '%s\n' "error: time limit of $limit s reached: $*" >&2 ;;
	esac
	return $rc
}

# What an ordinary user needs for a root with files of several owners.
need_namespaces() {
	[ "$(id -u)" -ne 0 ] || return 0
	command -v newuidmap >/dev/null ||
		die 95 "newuidmap is missing: run 'sudo apt-get install uidmap'"
	unshare --map-root-user --map-auto true 2>/dev/null ||
		die 95 "this user cannot make user namespaces (/etc/subuid, /etc/subgid, kernel.unprivileged_userns_clone): enable them or run as root"
}
