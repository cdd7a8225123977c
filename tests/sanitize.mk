# SPDX-License-Identifier: BSD-3-Clause

# Sanitizers and valgrind: tests/check-sanitizer says how.
check_LTLIBRARIES = planted-bug.la
planted_bug_la_SOURCES = tests/planted-bug.c
planted_bug_la_CPPFLAGS = $(AM_CPPFLAGS) $(NBDKIT_CFLAGS)
planted_bug_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += tests/check-sanitizer tests/check-planted-bug

check-programs: $(check_PROGRAMS) $(check_LTLIBRARIES)
check-asan check-tsan check-valgrind:
	$(srcdir)/tests/check-sanitizer $(@:check-%=%)

# What is run: all unit tests, and servers under load; TSan has nothing to find
# where there is one thread.  Valgrind is too slow for tests that count on some
# load in some time or on a short lease, so it has what the core is made of.
server_tests = \
	tests/test-crash-kill9-under-load.sh \
	tests/test-leg-server-killed.sh \
	tests/test-shutdown-with-clients.sh \
	$(NULL)
asan_tests = $(unit_tests) $(server_tests)
tsan_tests = $(unit_tests_of_threads) $(server_tests)
valgrind_tests = \
	tests/unit-write \
	tests/unit-disk \
	tests/unit-apply \
	tests/unit-core \
	tests/unit-hot \
	tests/unit-leg \
	tests/unit-rejoin \
	tests/unit-repair \
	tests/unit-resync \
	tests/unit-sweep \
	tests/test-client-qemu.sh \
	$(NULL)
print-asan-tests:
	@echo $(asan_tests)
print-tsan-tests:
	@echo $(tsan_tests)
print-valgrind-tests:
	@echo $(valgrind_tests)
EXTRA_DIST += tests/valgrind.supp
.PHONY: print-asan-tests print-tsan-tests print-valgrind-tests
.PHONY: check-programs check-asan check-tsan check-valgrind
