# SPDX-License-Identifier: BSD-3-Clause

# Unit tests (Check): one program for each part of the code, all with the
# same flags, each with just the libraries of its layer and below.

TEST_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-I$(srcdir)/tests \
	-DSRCDIR='"$(abs_srcdir)"' \
	-DLOGD='"$(abs_top_builddir)/logd/nbdmirror-logd"' \
	-DNBDMIRROR='"$(abs_top_builddir)/tools/nbdmirror"' \
	-UNDEBUG \
	$(CHECK_CFLAGS) \
	$(JSON_CFLAGS) \
	$(ZLIB_CFLAGS) \
	$(NULL)
TEST_LIBS = libmsgstderr.la $(CHECK_LIBS) $(JSON_LIBS) $(ZLIB_LIBS)

# The slow ones first, or they run alone at the end.
unit_tests_of_threads = \
	tests/unit-userspace-faults \
	tests/unit-tls \
	tests/unit-stress \
	tests/unit-userspace \
	tests/unit-logd-faults \
	tests/unit-leg \
	tests/unit-apply \
	tests/unit-control \
	tests/unit-core \
	tests/unit-disk \
	tests/unit-disk-crash \
	tests/unit-disk-faults \
	tests/unit-lease \
	tests/unit-logd \
	tests/unit-range \
	tests/unit-rejoin \
	tests/unit-repair \
	tests/unit-resend \
	tests/unit-resync \
	tests/unit-stop \
	tests/unit-stream \
	tests/unit-sweep \
	tests/unit-write \
	$(NULL)
unit_tests = \
	$(unit_tests_of_threads) \
	tests/fuzz-disk-header \
	tests/fuzz-proto-reply \
	tests/fuzz-proto-request \
	tests/unit-address \
	tests/unit-bitset \
	tests/unit-damage \
	tests/unit-dump \
	tests/unit-hot \
	tests/unit-owner \
	tests/unit-plan \
	tests/unit-probe \
	tests/unit-proto \
	tests/unit-tool \
	tests/unit-tool-log \
	$(NULL)
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
EXTRA_DIST += tests/vectors/dm-log tests/proto-vectors.txt

tests_unit_bitset_SOURCES = tests/unit-bitset.c
tests_unit_bitset_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_bitset_LDADD = libcommon.la $(TEST_LIBS)

# The protocol.
tests_unit_proto_SOURCES = \
	tests/proto-samples.c \
	tests/proto-samples.h \
	tests/unit-proto.c \
	$(NULL)
tests_unit_proto_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_proto_LDADD = libproto.la $(TEST_LIBS)

# The log.
tests_unit_core_SOURCES = tests/unit-core.c
tests_unit_core_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_core_LDADD = $(LOG_LIBS) $(TEST_LIBS)

# The log on a server.
user_fixture = \
	tests/fake-logd.c \
	tests/fake-logd.h \
	tests/unit-wait.h \
	tests/user-fixture.c \
	tests/user-fixture.h \
	$(NULL)

tests_unit_userspace_SOURCES = tests/unit-userspace.c $(user_fixture)
tests_unit_userspace_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_userspace_LDADD = $(LOG_LIBS) $(CHECK_LIBS)

tests_unit_userspace_faults_SOURCES = \
	tests/unit-userspace-faults.c \
	$(user_fixture) \
	$(NULL)
tests_unit_userspace_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_userspace_faults_LDADD = $(LOG_LIBS) $(CHECK_LIBS)

mem_store = tests/mem-store.c tests/mem-store.h

tests_unit_disk_SOURCES = tests/unit-disk.c $(mem_store)
tests_unit_disk_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_disk_LDADD = $(LOG_LIBS) $(TEST_LIBS)

tests_unit_disk_crash_SOURCES = tests/unit-disk-crash.c $(mem_store)
tests_unit_disk_crash_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_disk_crash_LDADD = $(LOG_LIBS) $(TEST_LIBS)

tests_unit_disk_faults_SOURCES = tests/unit-disk-faults.c
tests_unit_disk_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_disk_faults_LDFLAGS = \
	-Wl,--wrap=fallocate \
	-Wl,--wrap=fcntl \
	-Wl,--wrap=fdatasync \
	-Wl,--wrap=fstat \
	-Wl,--wrap=fsync \
	-Wl,--wrap=msg_error \
	-Wl,--wrap=open \
	-Wl,--wrap=pread \
	-Wl,--wrap=pwrite \
	-Wl,--wrap=stat \
	$(NULL)
tests_unit_disk_faults_LDADD = $(LOG_LIBS) $(TEST_LIBS)

# The legs.
tests_unit_leg_SOURCES = \
	tests/mem-leg.c \
	tests/mem-leg.h \
	tests/nbd-server.c \
	tests/nbd-server.h \
	tests/unit-leg.c \
	$(NULL)
tests_unit_leg_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_leg_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

# The mirror.  docs/rules.md says which test watches which rule.
tests_unit_hot_SOURCES = tests/unit-hot.c tests/unit-wait.h
tests_unit_hot_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_hot_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_range_SOURCES = tests/unit-range.c tests/unit-wait.h
tests_unit_range_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_range_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_plan_SOURCES = tests/unit-plan.c
tests_unit_plan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_plan_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_damage_SOURCES = tests/unit-damage.c
tests_unit_damage_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_damage_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_probe_SOURCES = tests/mem-leg.c tests/mem-leg.h tests/unit-probe.c
tests_unit_probe_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_probe_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

mirror_fixture = \
	tests/mem-leg.c \
	tests/mem-leg.h \
	tests/mem-log.c \
	tests/mem-log.h \
	tests/mirror-fixture.c \
	tests/mirror-fixture.h \
	tests/unit-wait.h \
	$(NULL)

tests_unit_lease_SOURCES = tests/unit-lease.c $(mirror_fixture)
tests_unit_lease_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_lease_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_write_SOURCES = tests/unit-write.c $(mirror_fixture)
tests_unit_write_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_write_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_sweep_SOURCES = tests/unit-sweep.c $(mirror_fixture)
tests_unit_sweep_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_sweep_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_apply_SOURCES = tests/unit-apply.c $(mirror_fixture)
tests_unit_apply_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_apply_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_resync_SOURCES = tests/unit-resync.c $(mirror_fixture)
tests_unit_resync_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_resync_LDFLAGS = -Wl,--wrap=msg_error
tests_unit_resync_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_rejoin_SOURCES = tests/unit-rejoin.c $(mirror_fixture)
tests_unit_rejoin_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_rejoin_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_repair_SOURCES = tests/unit-repair.c $(mirror_fixture)
tests_unit_repair_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_repair_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_stop_SOURCES = tests/unit-stop.c $(mirror_fixture)
tests_unit_stop_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_stop_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_stress_SOURCES = tests/unit-stress.c $(mirror_fixture)
tests_unit_stress_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_stress_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

# The network.
STREAM_LIBS = libstream.la libunixsocket.la

tests_unit_address_SOURCES = tests/unit-address.c
tests_unit_address_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_address_LDADD = $(STREAM_LIBS) $(TEST_LIBS)

stream_fixture = tests/stream-fixture.c tests/stream-fixture.h

tests_unit_stream_SOURCES = tests/unit-stream.c $(stream_fixture)
tests_unit_stream_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_stream_LDADD = $(STREAM_LIBS) $(TEST_LIBS)

tests_unit_tls_SOURCES = \
	tests/make-certs.c \
	tests/make-certs.h \
	tests/unit-tls.c \
	$(stream_fixture) \
	$(NULL)
tests_unit_tls_CPPFLAGS = $(TEST_CPPFLAGS) $(GNUTLS_CFLAGS)
tests_unit_tls_LDADD = $(STREAM_LIBS) $(TEST_LIBS) $(GNUTLS_LIBS)

# The control socket and the tool.
fake_mirror = tests/fake-mirror.c tests/fake-mirror.h
run_tool = tests/run-tool.c tests/run-tool.h

tests_unit_control_SOURCES = tests/unit-control.c $(fake_mirror)
tests_unit_control_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_control_LDADD = $(CONTROL_LIBS) $(TEST_LIBS)

tests_unit_tool_SOURCES = tests/unit-tool.c $(fake_mirror) $(run_tool)
tests_unit_tool_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_tool_LDADD = $(CONTROL_LIBS) $(TEST_LIBS)

tests_unit_tool_log_SOURCES = \
	tests/unit-tool-log.c \
	$(fake_mirror) \
	$(run_tool) \
	$(NULL)
tests_unit_tool_log_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_tool_log_LDADD = \
	libproto.la \
	libunixsocket.la \
	libcommon.la \
	$(TEST_LIBS) \
	$(NULL)

tests_unit_dump_SOURCES = tests/unit-dump.c $(fake_mirror) $(run_tool)
tests_unit_dump_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_dump_LDADD = $(LOG_LIBS) $(TEST_LIBS)

# The log server.
logd_peer = tests/logd-peer.c tests/logd-peer.h tests/unit-wait.h

tests_unit_owner_SOURCES = logd/lease.c logd/lease.h tests/unit-owner.c
tests_unit_owner_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_owner_LDADD = $(TEST_LIBS)

tests_unit_logd_SOURCES = tests/unit-logd.c $(logd_peer)
tests_unit_logd_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_logd_LDADD = libproto.la libcommon.la $(TEST_LIBS)

tests_unit_resend_SOURCES = tests/unit-resend.c $(logd_peer)
tests_unit_resend_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_resend_LDADD = $(LOG_LIBS) $(TEST_LIBS)

tests_unit_logd_faults_SOURCES = tests/unit-logd-faults.c $(logd_peer)
tests_unit_logd_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_logd_faults_LDADD = libproto.la libcommon.la $(TEST_LIBS)
