# SPDX-License-Identifier: BSD-3-Clause

# The model of the safety rules.
TESTS += tests/model/check-model
EXTRA_DIST += \
	tests/model/check-model \
	tests/model/README \
	tests/model/hold.pml \
	tests/model/mirror.pml \
	tests/model/records.pml \
	$(NULL)
