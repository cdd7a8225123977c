# SPDX-License-Identifier: BSD-3-Clause

# Unit tests (Check): one program for each part of the code, all with the
# same flags, each with just the libraries of its layer and below.

TEST_CPPFLAGS = \
	$(CLIENT_CPPFLAGS) \
	$(OPEN_CPPFLAGS) \
	$(LOG_IMPL_CPPFLAGS) \
	$(ETCD_CPPFLAGS) \
	-I$(srcdir)/logd/served \
	-I$(srcdir)/plugin/control \
	-I$(srcdir)/tests/bench \
	-I$(srcdir)/tests/fuzz \
	-I$(srcdir)/tests/lib \
	-DSRCDIR='"$(abs_srcdir)"' \
	-DLOGD='"$(abs_top_builddir)/logd/nbdmirror-logd"' \
	-DNBDMIRROR='"$(abs_top_builddir)/tools/nbdmirror"' \
	-UNDEBUG \
	$(CHECK_CFLAGS) \
	$(JSON_CFLAGS) \
	$(ZLIB_CFLAGS) \
	$(NULL)
TEST_LIBS = libsuite.la libmsgstderr.la $(CHECK_LIBS) $(JSON_LIBS) $(ZLIB_LIBS)

# Each test is named once, where it is defined: tests/lib/suite.h.
unit_libraries = libsuite.la
libsuite_la_SOURCES = tests/lib/suite.c tests/lib/suite.h
libsuite_la_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)

# The slow ones first, or they run alone at the end.
unit_tests_of_threads = \
	tests/unit/unit-userspace-faults \
	tests/unit/unit-tls \
	tests/unit/unit-tls-again \
	tests/unit/unit-stress \
	tests/unit/unit-userspace \
	tests/unit/unit-logd-faults \
	tests/unit/unit-leg \
	tests/unit/unit-client \
	tests/unit/unit-apply \
	tests/unit/unit-bad-regions \
	tests/unit/unit-control \
	tests/unit/unit-disk \
	tests/unit/unit-hot-limit \
	tests/unit/unit-holes \
	tests/unit/unit-lease \
	tests/unit/unit-leg-name \
	tests/unit/unit-leg-pace \
	tests/unit/unit-leg-races \
	tests/unit/unit-leg-hang \
	tests/unit/unit-leg-zeroes \
	tests/unit/unit-log-move \
	tests/unit/unit-logd \
	tests/unit/unit-order \
	tests/unit/unit-order-grow \
	tests/unit/unit-order-random \
	tests/unit/unit-range \
	tests/unit/unit-hold \
	tests/unit/unit-hold-random \
	tests/unit/unit-rejoin \
	tests/unit/unit-repair \
	tests/unit/unit-resend \
	tests/unit/unit-records \
	tests/unit/unit-resync \
	tests/unit/unit-scrub \
	tests/unit/unit-stop \
	tests/unit/unit-stream \
	tests/unit/unit-sweep \
	tests/unit/unit-thin-copy \
	tests/unit/unit-thread \
	tests/unit/unit-verdict \
	tests/unit/unit-write \
	$(NULL)
unit_tests = \
	$(unit_tests_of_threads) \
	tests/fuzz/fuzz-disk-header \
	tests/fuzz/fuzz-leg-record \
	tests/fuzz/fuzz-proto-reply \
	tests/fuzz/fuzz-proto-request \
	tests/unit/unit-address \
	tests/unit/unit-bitset \
	tests/unit/unit-core \
	tests/unit/unit-disk-crash \
	tests/unit/unit-disk-faults \
	tests/unit/unit-disk-look \
	tests/unit/unit-damage \
	tests/unit/unit-dump \
	tests/unit/unit-dump-leg \
	tests/unit/unit-extent-map \
	tests/unit/unit-file-name \
	tests/unit/unit-hot \
	tests/unit/unit-member-state \
	tests/unit/unit-nbd-identity \
	tests/unit/unit-new-history \
	tests/unit/unit-objects \
	tests/unit/unit-owner \
	tests/unit/unit-plan \
	tests/unit/unit-plan-records \
	tests/unit/unit-probe \
	tests/unit/unit-proto \
	tests/unit/unit-rate \
	tests/unit/unit-sums \
	tests/unit/unit-record \
	tests/unit/unit-slow \
	tests/unit/unit-watch \
	tests/unit/unit-tool \
	tests/unit/unit-tool-log \
	$(NULL)
if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
check_LTLIBRARIES += $(unit_libraries)
TESTS += $(unit_tests)
endif
EXTRA_DIST += \
	tests/lib/temp-path.h \
	tests/vectors/dm-log \
	tests/vectors/leg-record \
	tests/vectors/proto-vectors.txt \
	$(NULL)

tests_unit_unit_bitset_SOURCES = tests/unit/unit-bitset.c
tests_unit_unit_bitset_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_bitset_LDADD = libcommon.la $(TEST_LIBS)

tests_unit_unit_file_name_SOURCES = \
	tests/unit/unit-file-name.c tests/lib/temp-path.h
tests_unit_unit_file_name_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_file_name_LDADD = libcommon.la $(TEST_LIBS)

tests_unit_unit_thread_SOURCES = tests/unit/unit-thread.c
tests_unit_unit_thread_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_thread_LDFLAGS = -Wl,--wrap=pthread_create
tests_unit_unit_thread_LDADD = libcommon.la $(TEST_LIBS)

# The protocol.
tests_unit_unit_proto_SOURCES = \
	tests/lib/proto-samples.c \
	tests/lib/proto-samples.h \
	tests/unit/unit-proto.c \
	$(NULL)
tests_unit_unit_proto_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_proto_LDADD = libproto.la libcommon.la $(TEST_LIBS)

# The log.
tests_unit_unit_core_SOURCES = tests/unit/unit-core.c
tests_unit_unit_core_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_core_LDADD = $(LOG_LIBS) $(TEST_LIBS)

# The log on a server.
user_fixture = \
	tests/lib/fake-logd.c \
	tests/lib/fake-logd.h \
	tests/lib/unit-wait.h \
	tests/lib/user-fixture.c \
	tests/lib/user-fixture.h \
	$(NULL)
unit_libraries += libuserfixture.la
libuserfixture_la_SOURCES = $(user_fixture)
libuserfixture_la_CPPFLAGS = $(TEST_CPPFLAGS)

tests_unit_unit_userspace_SOURCES = tests/unit/unit-userspace.c
tests_unit_unit_userspace_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_userspace_LDADD = libuserfixture.la $(LOG_LIBS) libsuite.la $(CHECK_LIBS)

tests_unit_unit_userspace_faults_SOURCES = tests/unit/unit-userspace-faults.c
tests_unit_unit_userspace_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_userspace_faults_LDADD = libuserfixture.la $(LOG_LIBS) libsuite.la $(CHECK_LIBS)

mem_store = tests/lib/mem-store.c tests/lib/mem-store.h
unit_libraries += libmemstore.la
libmemstore_la_SOURCES = $(mem_store)
libmemstore_la_CPPFLAGS = $(TEST_CPPFLAGS)

if HAVE_CURL
unit_tests_of_threads += tests/unit/unit-etcd
tests_unit_unit_etcd_SOURCES = \
	tests/lib/fake-etcd.c \
	tests/lib/fake-etcd.h \
	tests/lib/unit-wait.h \
	tests/unit/unit-etcd.c \
	$(NULL)
tests_unit_unit_etcd_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_etcd_LDADD = libetcd.la $(LOG_LIBS) $(TEST_LIBS)
endif

tests_unit_unit_disk_SOURCES = tests/unit/unit-disk.c
tests_unit_unit_disk_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_disk_LDADD = libmemstore.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_log_move_SOURCES = tests/unit/unit-log-move.c
tests_unit_unit_log_move_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_log_move_LDADD = libmemstore.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_disk_crash_SOURCES = tests/unit/unit-disk-crash.c
tests_unit_unit_disk_crash_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_disk_crash_LDADD = libmemstore.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_disk_look_SOURCES = tests/unit/unit-disk-look.c
tests_unit_unit_disk_look_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_disk_look_LDADD = libmemstore.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_disk_faults_SOURCES = tests/unit/unit-disk-faults.c
tests_unit_unit_disk_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_disk_faults_LDFLAGS = \
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
tests_unit_unit_disk_faults_LDADD = $(LOG_LIBS) $(TEST_LIBS)

# The legs.
tests_unit_unit_leg_SOURCES = \
	tests/lib/fake-nbd.c \
	tests/lib/fake-nbd.h \
	tests/lib/mem-leg.c \
	tests/lib/mem-leg.h \
	tests/lib/nbd-server.c \
	tests/lib/nbd-server.h \
	tests/unit/unit-leg.c \
	$(NULL)
tests_unit_unit_leg_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_leg_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

tests_unit_unit_leg_name_SOURCES = \
	tests/lib/fake-dns.c \
	tests/lib/fake-dns.h \
	tests/lib/make-certs.c \
	tests/lib/make-certs.h \
	tests/lib/nbd-server.c \
	tests/lib/nbd-server.h \
	tests/unit/unit-leg-name.c \
	$(NULL)
tests_unit_unit_leg_name_CPPFLAGS = $(TEST_CPPFLAGS) $(GNUTLS_CFLAGS)
tests_unit_unit_leg_name_LDFLAGS = -Wl,--wrap=getaddrinfo
tests_unit_unit_leg_name_LDADD = liblegs.la libcommon.la $(TEST_LIBS) $(GNUTLS_LIBS)

tests_unit_unit_leg_pace_SOURCES = \
	tests/lib/fake-nbd.c \
	tests/lib/fake-nbd.h \
	tests/lib/nbd-server.c \
	tests/lib/nbd-server.h \
	tests/unit/unit-leg-pace.c \
	$(NULL)
tests_unit_unit_leg_pace_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_leg_pace_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

tests_unit_unit_nbd_identity_SOURCES = \
	tests/lib/temp-path.h \
	tests/unit/unit-nbd-identity.c \
	$(NULL)
tests_unit_unit_nbd_identity_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_nbd_identity_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

tests_unit_unit_objects_SOURCES = \
	tests/lib/temp-path.h \
	tests/unit/unit-objects.c \
	$(NULL)
tests_unit_unit_objects_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_objects_LDFLAGS = \
	-Wl,--wrap=fopen \
	-Wl,--wrap=opendir \
	$(NULL)
tests_unit_unit_objects_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

tests_unit_unit_leg_races_SOURCES = \
	tests/lib/nbd-server.c \
	tests/lib/nbd-server.h \
	tests/unit/unit-leg-races.c \
	$(NULL)
tests_unit_unit_leg_races_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_leg_races_LDFLAGS = -Wl,--wrap=pthread_mutex_lock
tests_unit_unit_leg_races_LDADD = liblegs.la libcommon.la $(TEST_LIBS)

tests_unit_unit_record_SOURCES = tests/unit/unit-record.c
tests_unit_unit_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_record_LDADD = librecord.la libcommon.la $(TEST_LIBS)

# The mirror.  docs/rules.md says which test watches which rule.
tests_unit_unit_hot_SOURCES = tests/unit/unit-hot.c tests/lib/unit-wait.h
tests_unit_unit_hot_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_hot_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_range_SOURCES = tests/unit/unit-range.c tests/lib/unit-wait.h
tests_unit_unit_range_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_range_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_plan_SOURCES = \
	tests/lib/plan-scene.c \
	tests/lib/plan-scene.h \
	tests/unit/unit-plan.c \
	$(NULL)
tests_unit_unit_plan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_plan_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_plan_records_SOURCES = \
	tests/lib/plan-scene.c \
	tests/lib/plan-scene.h \
	tests/unit/unit-plan-records.c \
	$(NULL)
tests_unit_unit_plan_records_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_plan_records_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_damage_SOURCES = tests/unit/unit-damage.c
tests_unit_unit_damage_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_damage_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_probe_SOURCES = tests/lib/mem-leg.c tests/lib/mem-leg.h tests/unit/unit-probe.c
tests_unit_unit_probe_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_probe_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_leg_hang_SOURCES = tests/unit/unit-leg-hang.c
tests_unit_unit_leg_hang_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_leg_hang_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_leg_zeroes_SOURCES = \
	tests/lib/mem-leg.c \
	tests/lib/mem-leg.h \
	tests/lib/sparse-leg.c \
	tests/lib/sparse-leg.h \
	tests/unit/unit-leg-zeroes.c \
	$(NULL)
tests_unit_unit_leg_zeroes_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_leg_zeroes_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

mirror_fixture = \
	tests/lib/mem-leg.c \
	tests/lib/mem-leg.h \
	tests/lib/mem-log.c \
	tests/lib/mem-log.h \
	tests/lib/mirror-fixture.c \
	tests/lib/mirror-fixture.h \
	tests/lib/random-clients.c \
	tests/lib/random-clients.h \
	tests/lib/unit-wait.h \
	$(NULL)
unit_libraries += libmirrorfixture.la
libmirrorfixture_la_SOURCES = $(mirror_fixture)
libmirrorfixture_la_CPPFLAGS = $(TEST_CPPFLAGS)

tests_unit_unit_lease_SOURCES = tests/unit/unit-lease.c
tests_unit_unit_lease_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_lease_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_member_state_SOURCES = tests/unit/unit-member-state.c
tests_unit_unit_member_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_member_state_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_write_SOURCES = tests/unit/unit-write.c
tests_unit_unit_write_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_write_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_hot_limit_SOURCES = tests/unit/unit-hot-limit.c
tests_unit_unit_hot_limit_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_hot_limit_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_sweep_SOURCES = tests/unit/unit-sweep.c
tests_unit_unit_sweep_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_sweep_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_records_SOURCES = tests/unit/unit-records.c
tests_unit_unit_records_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_records_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_new_history_SOURCES = tests/unit/unit-new-history.c
tests_unit_unit_new_history_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_new_history_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_apply_SOURCES = tests/unit/unit-apply.c
tests_unit_unit_apply_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_apply_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_resync_SOURCES = tests/unit/unit-resync.c
tests_unit_unit_resync_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_resync_LDFLAGS = -Wl,--wrap=msg_error
tests_unit_unit_resync_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_extent_map_SOURCES = tests/unit/unit-extent-map.c tests/lib/unit-wait.h
tests_unit_unit_extent_map_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_extent_map_LDADD = $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_holes_SOURCES = \
	tests/lib/sparse-leg.c \
	tests/lib/sparse-leg.h \
	tests/unit/unit-holes.c \
	$(NULL)
tests_unit_unit_holes_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_holes_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_thin_copy_SOURCES = tests/unit/unit-thin-copy.c
tests_unit_unit_thin_copy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_thin_copy_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_bad_regions_SOURCES = tests/unit/unit-bad-regions.c
tests_unit_unit_bad_regions_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_bad_regions_LDFLAGS = -Wl,--wrap=msg_error
tests_unit_unit_bad_regions_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_hold_SOURCES = tests/unit/unit-hold.c
tests_unit_unit_hold_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_hold_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_hold_random_SOURCES = tests/unit/unit-hold-random.c
tests_unit_unit_hold_random_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_hold_random_LDADD = \
	libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_rejoin_SOURCES = tests/unit/unit-rejoin.c
tests_unit_unit_rejoin_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_rejoin_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_order_SOURCES = tests/unit/unit-order.c
tests_unit_unit_order_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_order_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_order_grow_SOURCES = tests/unit/unit-order-grow.c
tests_unit_unit_order_grow_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_order_grow_LDADD = \
	libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_order_random_SOURCES = tests/unit/unit-order-random.c
tests_unit_unit_order_random_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_order_random_LDADD = \
	libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_repair_SOURCES = tests/unit/unit-repair.c
tests_unit_unit_repair_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_repair_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_slow_SOURCES = tests/unit/unit-slow.c
tests_unit_unit_slow_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_slow_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_watch_SOURCES = tests/unit/unit-watch.c
tests_unit_unit_watch_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_watch_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)
tests_unit_unit_rate_SOURCES = tests/unit/unit-rate.c
tests_unit_unit_rate_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_rate_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_sums_SOURCES = tests/unit/unit-sums.c
tests_unit_unit_sums_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_sums_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_scrub_SOURCES = tests/unit/unit-scrub.c
tests_unit_unit_scrub_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_scrub_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_verdict_SOURCES = tests/unit/unit-verdict.c
tests_unit_unit_verdict_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_verdict_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_stop_SOURCES = tests/unit/unit-stop.c
tests_unit_unit_stop_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_stop_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

tests_unit_unit_stress_SOURCES = tests/unit/unit-stress.c
tests_unit_unit_stress_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_stress_LDADD = libmirrorfixture.la $(MIRROR_LIBS) $(TEST_LIBS)

# The network.
STREAM_LIBS = libstream.la libunixsocket.la libcommon.la

tests_unit_unit_address_SOURCES = tests/unit/unit-address.c
tests_unit_unit_address_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_address_LDADD = $(STREAM_LIBS) $(TEST_LIBS)

stream_fixture = tests/lib/stream-fixture.c tests/lib/stream-fixture.h
unit_libraries += libstreamfixture.la
libstreamfixture_la_SOURCES = $(stream_fixture)
libstreamfixture_la_CPPFLAGS = $(TEST_CPPFLAGS)

tests_unit_unit_stream_SOURCES = tests/unit/unit-stream.c
tests_unit_unit_stream_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_stream_LDADD = libstreamfixture.la $(STREAM_LIBS) $(TEST_LIBS)

tests_unit_unit_tls_SOURCES = \
	tests/lib/make-certs.c \
	tests/lib/make-certs.h \
	tests/unit/unit-tls.c \
	$(NULL)
tests_unit_unit_tls_CPPFLAGS = $(TEST_CPPFLAGS) $(GNUTLS_CFLAGS)
tests_unit_unit_tls_LDADD = libstreamfixture.la $(STREAM_LIBS) $(TEST_LIBS) $(GNUTLS_LIBS)

tests_unit_unit_tls_again_SOURCES = \
	tests/lib/make-certs.c \
	tests/lib/make-certs.h \
	tests/unit/unit-tls-again.c \
	$(NULL)
tests_unit_unit_tls_again_CPPFLAGS = $(TEST_CPPFLAGS) $(GNUTLS_CFLAGS)
tests_unit_unit_tls_again_LDADD = libstreamfixture.la $(STREAM_LIBS) $(TEST_LIBS) $(GNUTLS_LIBS)

tests_unit_unit_client_SOURCES = \
	tests/lib/fake-dns.c \
	tests/lib/fake-dns.h \
	tests/lib/unit-wait.h \
	tests/unit/unit-client.c \
	$(NULL)
tests_unit_unit_client_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_client_LDFLAGS = -Wl,--wrap=getaddrinfo
tests_unit_unit_client_LDADD = $(CLIENT_LIBS) libcommon.la $(TEST_LIBS)

# The control socket and the tool.
fake_mirror = tests/lib/fake-mirror.c tests/lib/fake-mirror.h
unit_libraries += libfakemirror.la
libfakemirror_la_SOURCES = $(fake_mirror)
libfakemirror_la_CPPFLAGS = $(TEST_CPPFLAGS)
run_tool = tests/lib/run-tool.c tests/lib/run-tool.h
unit_libraries += libruntool.la
libruntool_la_SOURCES = $(run_tool)
libruntool_la_CPPFLAGS = $(TEST_CPPFLAGS)

tests_unit_unit_control_SOURCES = tests/unit/unit-control.c
tests_unit_unit_control_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_control_LDADD = libfakemirror.la $(CONTROL_LIBS) libcommon.la $(TEST_LIBS)

tests_unit_unit_tool_SOURCES = tests/unit/unit-tool.c
tests_unit_unit_tool_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_tool_LDADD = libruntool.la libfakemirror.la $(CONTROL_LIBS) libcommon.la $(TEST_LIBS)

tests_unit_unit_tool_log_SOURCES = tests/unit/unit-tool-log.c
tests_unit_unit_tool_log_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_tool_log_LDADD = \
	libruntool.la \
	libfakemirror.la \
	libproto.la \
	libunixsocket.la \
	libcommon.la \
	$(TEST_LIBS) \
	$(NULL)

tests_unit_unit_dump_SOURCES = tests/unit/unit-dump.c
tests_unit_unit_dump_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_dump_LDADD = libruntool.la libfakemirror.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_dump_leg_SOURCES = \
	tests/lib/nbd-server.c \
	tests/lib/nbd-server.h \
	tests/unit/unit-dump-leg.c \
	$(NULL)
tests_unit_unit_dump_leg_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_dump_leg_LDADD = \
	libruntool.la \
	libfakemirror.la \
	librecord.la \
	libcommon.la \
	$(TEST_LIBS) \
	$(NULL)

# The log server.
logd_peer = tests/lib/logd-peer.c tests/lib/logd-peer.h tests/lib/unit-wait.h
unit_libraries += liblogdpeer.la
liblogdpeer_la_SOURCES = $(logd_peer)
liblogdpeer_la_CPPFLAGS = $(TEST_CPPFLAGS)

tests_unit_unit_owner_SOURCES = logd/served/lease.c logd/served/lease.h tests/unit/unit-owner.c
tests_unit_unit_owner_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_owner_LDADD = $(TEST_LIBS)

tests_unit_unit_logd_SOURCES = tests/unit/unit-logd.c
tests_unit_unit_logd_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_logd_LDADD = liblogdpeer.la libproto.la libcommon.la $(TEST_LIBS)

tests_unit_unit_resend_SOURCES = tests/unit/unit-resend.c
tests_unit_unit_resend_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_resend_LDADD = liblogdpeer.la $(LOG_LIBS) $(TEST_LIBS)

tests_unit_unit_logd_faults_SOURCES = tests/unit/unit-logd-faults.c
tests_unit_unit_logd_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_unit_logd_faults_LDADD = liblogdpeer.la libproto.la libcommon.la $(TEST_LIBS)
