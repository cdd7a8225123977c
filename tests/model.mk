# SPDX-License-Identifier: BSD-3-Clause

# The model of the safety rules.
TESTS += tests/check-model
EXTRA_DIST += \
	tests/check-model \
	tests/model/README \
	tests/model/mirror.pml \
	$(NULL)
