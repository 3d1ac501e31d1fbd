# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# The kernel module, the library and the tools; "make help" lists the targets.
#
# lib, tools and the folders of tests each bring a Makefile.inc, which is included here
# and appends to:
#
#	user-targets		files that "make user" builds, below $(O)
#	unit-tests		test programs below $(O)/tests/unit
#	check-targets		targets that "make check" needs besides these
#	install-files		SOURCE:DESTINATION[:MODE], see "install" below
#	install-links		TARGET:DESTINATION, symbolic links
#	install-targets,
#	uninstall-targets	phony targets, for what these two cannot say
#
# Objects: $(O)/%.o, $(O)/pic/%.o for shared objects, $(O)/asan/%.o with the
# sanitizers; all bring their header dependencies.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# Output: build/host for this machine, build/user for the test root.
O ?= build/host
KDIR ?= /lib/modules/$(shell uname -r)/build
# The kernel of "make shell" and "make demo", the kernels of "make check".
KERNEL ?= stable
KERNELS ?= stable backports
CARDS ?= 1

PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
sbindir ?= $(PREFIX)/sbin
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
pkgconfigdir ?= $(libdir)/pkgconfig
moduledir ?= /lib/modules/$(shell uname -r)/updates

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
	    -Wno-unused-parameter \
	    -Werror=implicit-function-declaration -Werror=int-conversion \
	    -Werror=incompatible-pointer-types -Werror=return-type
ifneq ($(WERROR),)
WARNINGS += -Werror
endif
override CFLAGS += -std=gnu11 -fno-strict-aliasing -pthread $(WARNINGS)
override CPPFLAGS += -D_GNU_SOURCE -Iuapi -Ilib/include
override LDFLAGS += -pthread
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s%s\n' "$1" "$2")

user-targets :=
unit-tests :=
check-targets :=
install-files :=
install-links :=
install-targets :=
uninstall-targets :=

# Programs name operations and statuses by the card interface's constants.
install-files += $(foreach header,$(wildcard uapi/*/*.h),$(header):$(includedir)/$(header:uapi/%=%))

-include lib/Makefile.inc tools/Makefile.inc $(wildcard tests/*/Makefile.inc)

compile = $(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $1 -MMD -MP -c -o $@ $<

$(O)/%.o: %.c
	$(call say,CC,$@)
	$(call compile)

$(O)/pic/%.o: %.c
	$(call say,CC,$@)
	$(call compile,-fPIC)

$(O)/asan/%.o: %.c
	$(call say,CC,$@)
	$(call compile,$(ASAN_FLAGS))

-include $(shell find $(O) -name '*.d' 2>/dev/null)

.PHONY: all user module install uninstall unit-tests clean distclean help

all: user	## library and tools, then the module of the running kernel
	$(Q)$(MAKE) --no-print-directory module

user: host-deps	## library and tools
	$(Q)$(if $(strip $(user-targets)),$(MAKE) --no-print-directory $(user-targets),:)

unit-tests: $(unit-tests)	## build the unit test programs

# One line that says what to install, in place of pages of compiler errors.
pkg-deps := libdrm:libdrm-dev libpci:libpci-dev libprotobuf-c:libprotobuf-c-dev
.PHONY: host-deps
host-deps:
	$(Q)command -v $(PKG_CONFIG) >/dev/null || \
		{ echo "error: install pkgconf" >&2; exit 1; }; \
	missing=; for dep in $(pkg-deps); do \
		$(PKG_CONFIG) --exists $${dep%%:*} || missing="$$missing $${dep#*:}"; \
	done; [ -z "$$missing" ] || \
		{ echo "error: library headers are missing, install:$$missing" >&2; exit 1; }

# The kernel's build system writes beside the sources, so every kernel gets a
# folder of links to them (M= with MO= is not in 6.12).
# O= would mean the kernel's output there.
# $(call build-module,FOLDER,KDIR,OUTPUT[,VARIABLES])
define build-module
	$(Q)mkdir -p $1 $(dir $3)
	$(Q)find $1 -xtype l -delete
	$(Q)find driver -type d -exec mkdir -p $1/{} \;
	$(Q)find driver -type f \( -name '*.[ch]' -o -name Kbuild -o -name Makefile -o -name '*.sh' \) \
		-exec sh -c 'for f; do [ -e "$1/$$f" ] || ln -sr "$$f" "$1/$$f"; done' sh {} +
	$(Q)ln -sfnr uapi $1/uapi && ln -sfr Kbuild $1/Kbuild
	+$(Q)MAKEFLAGS='$(filter-out O=%,$(MAKEFLAGS))' $(MAKE) --no-print-directory -C $2 M=$(CURDIR)/$1 $4 modules
	$(Q)cmp -s $1/driver/aci.ko $3 || cp $1/driver/aci.ko $3
endef

module:	## aci.ko for the kernel in KDIR
	$(Q)[ -e "$(KDIR)/Makefile" ] || { \
		echo "error: no kernel headers at $(KDIR): install linux-headers-$$(uname -r) or set KDIR" >&2; \
		exit 1; }
	$(call build-module,build/obj-host,$(KDIR),build/host/aci.ko)

# The same in the test root, for one of its kernels.
KERNEL_HEADERS ?= $(shell readlink build/kernels/$(KERNEL)/headers)
.PHONY: module-in-root
module-in-root:
	$(call build-module,build/obj-$(KERNEL),$(KERNEL_HEADERS),build/$(KERNEL)/aci.ko,$(module-flags))

# The fuzzer asks the sanitizer kernel which code a call ran, the report which ran at all.
module-flags := $(if $(filter sanitize,$(KERNEL)),KCOV_INSTRUMENT=y GCOV_PROFILE=y \
		CONFIG_DRM_ACCEL_ACI_KUNIT_TEST=y)

# What the tests of failures load besides, beside the module.
.PHONY: inject-in-root
inject-in-root: obj := build/obj-$(KERNEL)-inject
inject-in-root:
	$(Q)mkdir -p $(obj) && ln -sfr tests/kselftest/inject/* $(obj)/
	+$(Q)MAKEFLAGS='$(filter-out O=%,$(MAKEFLAGS))' $(MAKE) --no-print-directory \
		-C $(KERNEL_HEADERS) M=$(CURDIR)/$(obj) modules
	$(Q)cp $(obj)/aci_inject.ko build/$(KERNEL)/

# A build of its own for sparse and warnings, see tests/static/check-kernel.
.PHONY: module-static
module-static:
	$(call build-module,build/obj-static-$(KERNEL),$(KERNEL_HEADERS),build/obj-static-$(KERNEL)/aci.ko,W=1)

install: $(install-targets)	## into DESTDIR, below PREFIX; aci.ko if it was built
	$(Q)for entry in $(install-files); do \
		source=$${entry%%:*} rest=$${entry#*:}; \
		mode=$${rest#*:}; [ "$$mode" != "$$rest" ] || mode=644; \
		$(INSTALL) -D -m "$$mode" "$$source" "$(DESTDIR)$${rest%%:*}" || exit; \
	done
	$(Q)for entry in $(install-links); do \
		mkdir -p "$$(dirname "$(DESTDIR)$${entry#*:}")" && \
		ln -sfn "$${entry%%:*}" "$(DESTDIR)$${entry#*:}" || exit; \
	done
	$(Q)[ ! -e build/host/aci.ko ] || \
		$(INSTALL) -D -m 644 build/host/aci.ko "$(DESTDIR)$(moduledir)/aci.ko"
	$(Q)[ -n "$(DESTDIR)" ] || { ldconfig && depmod; } 2>/dev/null || :

dkms-version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
dkms-source = $(DESTDIR)/usr/src/aci-$(dkms-version)

.PHONY: install-dkms
install-dkms:	## the module's source for "dkms install aci/VERSION", into /usr/src
	$(Q)rm -rf "$(dkms-source)"
	$(Q)find Kbuild dkms.conf LICENSES driver uapi -type f ! -name '.*' \
		-exec sh -c 'for f; do $(INSTALL) -D -m 644 "$$f" "$(dkms-source)/$$f" || exit; done' sh {} +

uninstall: $(uninstall-targets)	## remove what install put there
	$(Q)for entry in $(install-files) $(install-links); do \
		rest=$${entry#*:}; rm -f "$(DESTDIR)$${rest%%:*}"; \
	done
	$(Q)rm -f "$(DESTDIR)$(moduledir)/aci.ko"

# --- everything below runs in the test root and its virtual machines ---------

in-root := tests/vm/in-root
jobs := -j$(shell nproc)

.PHONY: vm-root user-vm module-vm check check-mutants demo bench shell

vm-root:	## Debian 13 root and kernel for the virtual machines
	$(Q)tests/vm/setup root $(KERNEL)

user-vm:	## library and tools in the test root, in build/user
	$(Q)tests/vm/setup root
	$(Q)$(in-root) make $(jobs) --no-print-directory O=build/user WERROR=1 user

module-vm:	## aci.ko in the test root, for each of KERNELS
	$(Q)tests/vm/setup root $(KERNELS)
	$(Q)for kernel in $(KERNELS); do \
		$(in-root) make $(jobs) --no-print-directory KERNEL=$$kernel module-in-root || exit; \
	done

check:	## all tests; closes with "N passed, N failed, N skipped"
	$(Q)tests/vm/setup root $(KERNELS) check kselftest
	$(Q)$(MAKE) --no-print-directory user-vm module-vm
	$(Q)$(in-root) make $(jobs) --no-print-directory O=build/user WERROR=1 unit-tests check-targets
	$(Q)tests/vm/check $(SUITES)

.PHONY: check-targets
check-targets: $(check-targets)

# Both need the network the first time; neither is part of "make check".
.PHONY: check-sanitize check-igt
check-sanitize:	## kernel tests under KASAN, lockdep, kmemleak, ... [SUITES=] (builds a kernel once)
	$(Q)tests/vm/setup root check kselftest sanitize
	$(Q)$(MAKE) --no-print-directory user-vm
	$(Q)$(in-root) make $(jobs) --no-print-directory KERNEL=sanitize module-in-root inject-in-root
	$(Q)$(in-root) make $(jobs) --no-print-directory O=build/user WERROR=1 check-targets
	$(Q)rm -rf build/run/*-sanitize/gcov
	$(Q)rc=0; tests/vm/check --from tests/vm/sanitize/suites $(SUITES) || rc=$$?; \
	$(in-root) sh -c 'tests/vm/sanitize/coverage --lines build/run/uncovered-lines build/obj-sanitize/driver \
		build/run/*-sanitize/gcov' || rc=1; exit $$rc

.PHONY: soak
soak:	## the long runs of check-sanitize, resumable [PARTS=]; see tests/soak/run
	$(Q)tests/vm/setup root check kselftest sanitize
	$(Q)$(MAKE) --no-print-directory user-vm
	$(Q)$(in-root) make $(jobs) --no-print-directory KERNEL=sanitize module-in-root inject-in-root
	$(Q)$(in-root) make $(jobs) --no-print-directory O=build/user WERROR=1 check-targets
	$(Q)tests/soak/run $(PARTS)
	$(Q)$(in-root) sh -c 'tests/vm/sanitize/coverage --bar 90 build/obj-sanitize/driver \
		build/run/*-sanitize/gcov build/run/soak-*/gcov'

check-igt:	## the tests of igt-gpu-tools that apply to an accel node
	$(Q)tests/vm/setup root backports igt
	$(Q)$(MAKE) --no-print-directory user-vm module-vm KERNELS=backports
	$(Q)tests/vm/check --from tests/igt/suites

check-mutants:	## plant bugs: each must fail a named test
	$(Q)tests/vm/setup root $(KERNELS) check kselftest
	$(Q)$(MAKE) --no-print-directory user-vm module-vm
	$(Q)$(in-root) make $(jobs) --no-print-directory O=build/user WERROR=1 check-targets
	$(Q)tests/mutants/run

demo:	## everything at work in a virtual machine, from nothing
	$(Q)tests/vm/setup root $(KERNEL)
	$(Q)$(MAKE) --no-print-directory user-vm module-vm KERNELS=$(KERNEL)
	$(Q)tests/demo/run

bench:	## what operations cost, against bars; see tests/bench/README.md
	$(Q)tests/vm/setup root backports
	$(Q)$(MAKE) --no-print-directory user-vm module-vm KERNELS=backports
	$(Q)$(in-root) make --no-print-directory O=build/user WERROR=1 bench-targets
	$(Q)tests/bench/run

shell:	## a shell in a virtual machine [CARDS=n KERNEL=backports]
	$(Q)$(MAKE) --no-print-directory user-vm module-vm KERNELS=$(KERNEL)
	$(Q)tests/vm/boot --kernel $(KERNEL) --cards $(CARDS) --interactive

clean:	## remove what was built, keep the test root and its kernels
	$(Q)rm -rf build/host build/user build/obj-* build/stable build/backports build/sanitize \
		build/run

distclean:	## remove build/
	$(Q)rm -rf build 2>/dev/null || unshare --map-root-user --map-auto rm -rf build

help:	## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
