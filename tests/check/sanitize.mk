# SPDX-License-Identifier: BSD-3-Clause

# Sanitizers and valgrind: tests/check/check-sanitizer says how.
EXTRA_DIST += \
	tests/check/check-planted-bug \
	tests/check/check-sanitizer \
	tests/check/planted-bug.c \
	tests/check/valgrind.supp \
	$(NULL)

# After all, which is a make of its own: both need the libraries.
check-programs: all
	@$(MAKE) $(AM_MAKEFLAGS) $(check_PROGRAMS) $(check_LTLIBRARIES)
check-asan check-tsan check-valgrind:
	$(srcdir)/tests/check/check-sanitizer $(@:check-%=%)

# What is run: all unit tests, and servers under load; TSan has nothing to find
# where there is one thread.  Valgrind is too slow for tests that count on some
# load in some time or on a short lease, so it has what the core is made of.
server_tests = \
	tests/crash/test-crash-kill9-under-load.sh \
	tests/e2e/test-leg-server-killed.sh \
	tests/e2e/test-shutdown-with-clients.sh \
	$(NULL)
asan_tests = $(unit_tests) $(server_tests)
tsan_tests = $(unit_tests_of_threads) $(server_tests)
valgrind_tests = \
	tests/unit/unit-write \
	tests/unit/unit-disk \
	tests/unit/unit-apply \
	tests/unit/unit-core \
	tests/unit/unit-hot \
	tests/unit/unit-leg \
	tests/unit/unit-rejoin \
	tests/unit/unit-repair \
	tests/unit/unit-resync \
	tests/unit/unit-sweep \
	tests/e2e/test-client-qemu.sh \
	$(NULL)
print-asan-tests:
	@echo $(asan_tests)
print-tsan-tests:
	@echo $(tsan_tests)
print-valgrind-tests:
	@echo $(valgrind_tests)
.PHONY: print-asan-tests print-tsan-tests print-valgrind-tests
.PHONY: check-programs check-asan check-tsan check-valgrind
