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

# What is run: all unit tests, and servers under load.
sanitizer_tests = \
	$(unit_tests) \
	tests/test-crash-kill9-under-load.sh \
	tests/test-leg-server-killed.sh \
	tests/test-shutdown-with-clients.sh \
	$(NULL)
print-sanitizer-tests:
	@echo $(sanitizer_tests)
.PHONY: print-sanitizer-tests
.PHONY: check-programs check-asan check-tsan check-valgrind
