# SPDX-License-Identifier: BSD-3-Clause

# End-to-end tests on the host: real servers, real clients.
e2e_tests = \
	tests/test-fault-full-disk.sh \
	tests/test-input-control.sh \
	tests/test-input-legs.sh \
	tests/test-input-log.sh \
	tests/test-input-parameters.sh \
	tests/test-log-space-is-reserved.sh \
	$(NULL)
TESTS += \
	tests/check-includes.sh \
	$(e2e_tests) \
	$(NULL)
EXTRA_DIST += \
	tests/check-includes.sh \
	tests/functions.sh \
	$(e2e_tests) \
	$(NULL)
