# SPDX-License-Identifier: BSD-3-Clause

# Fuzzing: tests/fuzz/fuzz.h.  As unit tests the targets run on what is saved in
# tests/fuzz/corpus; `make fuzz' builds them with clang and libFuzzer, in fuzz/,
# and `make fuzz FUZZ_SECONDS=600' runs each of them so long.
fuzz_driver = tests/fuzz/fuzz-driver.c tests/fuzz/fuzz.h

tests_fuzz_fuzz_proto_request_SOURCES = tests/fuzz/fuzz-proto.c $(fuzz_driver)
tests_fuzz_fuzz_proto_request_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_proto_request_LDADD = libproto.la libcommon.la $(ZLIB_LIBS)

tests_fuzz_fuzz_proto_reply_SOURCES = tests/fuzz/fuzz-proto.c $(fuzz_driver)
tests_fuzz_fuzz_proto_reply_CPPFLAGS = $(TEST_CPPFLAGS) -DFUZZ_REPLY
tests_fuzz_fuzz_proto_reply_LDADD = libproto.la libcommon.la $(ZLIB_LIBS)

tests_fuzz_fuzz_disk_header_SOURCES = \
	tests/fuzz/fuzz-disk-header.c \
	$(fuzz_driver) \
	$(mem_store) \
	$(NULL)
tests_fuzz_fuzz_disk_header_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_disk_header_LDADD = $(LOG_LIBS) $(ZLIB_LIBS)

tests_fuzz_fuzz_leg_record_SOURCES = \
	tests/fuzz/fuzz-leg-record.c \
	$(fuzz_driver) \
	$(NULL)
tests_fuzz_fuzz_leg_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_leg_record_LDADD = librecord.la libcommon.la $(TEST_LIBS)

FUZZ_SECONDS = 0
fuzz:
	$(srcdir)/tests/fuzz/run-fuzz $(FUZZ_SECONDS)
.PHONY: fuzz
EXTRA_DIST += tests/fuzz/run-fuzz tests/fuzz/corpus
