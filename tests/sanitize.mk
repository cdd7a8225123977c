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

# What is run: all unit tests, and servers under load.  Valgrind is too slow
# for tests that count on some load in some time, or on a short lease.
sanitizer_tests = \
	$(unit_tests) \
	tests/test-crash-kill9-under-load.sh \
	tests/test-leg-server-killed.sh \
	tests/test-shutdown-with-clients.sh \
	$(NULL)
valgrind_tests = \
	$(quick_unit_tests) \
	tests/test-client-qemu.sh \
	tests/test-shutdown-with-clients.sh \
	$(NULL)
print-asan-tests print-tsan-tests:
	@echo $(sanitizer_tests)
print-valgrind-tests:
	@echo $(valgrind_tests)
EXTRA_DIST += tests/valgrind.supp
.PHONY: print-asan-tests print-tsan-tests print-valgrind-tests
.PHONY: check-programs check-asan check-tsan check-valgrind
