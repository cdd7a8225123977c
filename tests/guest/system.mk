# SPDX-License-Identifier: BSD-3-Clause

# System tests: a guest kernel, the first-contact script.  They need qemu and
# root or much time, so ./run-tests runs them and `make check` does not.
# They are registered here and nowhere else.
system_tests = \
	tests/guest/test-guest-dm-mirror.sh \
	tests/guest/test-guest-nbd-client.sh \
	tests/guest/test-guest-power-cut.sh \
	tests/guest/test-guest-virtio.sh \
	tests/guest/test-other-debian.sh \
	tests/e2e/test-quickstart.sh \
	$(NULL)

# The load of the power cut's guest.
check_PROGRAMS += tests/guest/stamp-load
tests_guest_stamp_load_SOURCES = tests/guest/stamp-load.c
tests_guest_stamp_load_CPPFLAGS = $(AM_CPPFLAGS) $(LIBNBD_CFLAGS)
tests_guest_stamp_load_LDADD = $(LIBNBD_LIBS)

# What `make distcheck` runs for ./run-tests.
distcheck_tests = \
	tests/check/check-docs.sh \
	tests/check/check-includes.sh \
	tests/e2e/test-client-nbd-tools.sh \
	tests/unit/unit-disk \
	tests/unit/unit-tool \
	$(NULL)

check-system: all
	@for t in $(system_tests); do \
	  timeout -k 10 900 bash $(srcdir)/$$t; status=$$?; \
	  case $$status in \
	    0) echo "PASS: $$t" ;; \
	    77) echo "SKIP: $$t" ;; \
	    *) echo "FAIL: $$t"; exit $$status ;; \
	  esac; \
	done
.PHONY: check-system
EXTRA_DIST += \
	$(system_tests) \
	.ci/run \
	.shellcheckrc \
	quickstart \
	run-tests \
	scripts/check-packages \
	scripts/packages.sh \
	scripts/sources.sh \
	tests/lib/functions.sh \
	tests/guest/dm-mirror.guest.sh \
	tests/guest/fs-load.sh \
	tests/guest/get-debian \
	tests/guest/get-kernel \
	tests/guest/guest.sh \
	tests/guest/init \
	tests/guest/make-initramfs \
	tests/guest/nbd-client.guest.sh \
	tests/guest/power-cut.guest.sh \
	tests/guest/virtio.guest.sh \
	$(NULL)
clean-local:
	rm -rf tests/guest/cache
