# SPDX-License-Identifier: MIT
#
# Debian's package with the kernel's source, for scripts that run in the test
# root with network. POSIX sh; sourced after lib.sh.

debs=/src/build/cache/debs

# The file name of the package, with its version: "linux-source-7.3_..._all.deb".
# From the package lists in the root, without network.
source_name() {
	package=$(apt-get install -s -t trixie-backports --no-install-recommends linux-source |
		awk '$1 == "Inst" && $2 ~ /^linux-source-[0-9]/ { print $2 }')
	[ -n "$package" ] || die 95 "apt found no linux-source in trixie-backports"
	# 'URI' FILE SIZE CHECKSUM, nothing in a folder that has it
	(cd /tmp && apt-get download --print-uris -t trixie-backports "$package") |
		tail -n 1 | cut -d' ' -f2
}

# source_tar NAME: the tree in it as a tar stream, downloaded unless cached.
source_tar() {
	[ -e "$debs/$1" ] ||
		(cd "$debs" && apt-get download -q -t trixie-backports "${1%%_*}") >&2
	dpkg-deb --fsys-tarfile "$debs/$1" |
		tar -x -O --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc -T0
}
