# SPDX-License-Identifier: BSD-3-Clause

# End-to-end tests on the host: real servers, real clients.  The slow ones
# first, or they run alone at the end.
e2e_tests = \
	tests/crash/test-crash-harness.sh \
	tests/e2e/test-leg-outage.sh \
	tests/crash/test-crash-harness-controls.sh \
	tests/e2e/test-bench.sh \
	tests/e2e/test-checksums.sh \
	tests/e2e/test-client-fio-verify.sh \
	tests/e2e/test-client-nbd-tools.sh \
	tests/e2e/test-client-qemu.sh \
	tests/crash/test-crash-checker-finds-faults.sh \
	tests/crash/test-crash-client-hangs-up.sh \
	tests/crash/test-crash-kill9-three-legs.sh \
	tests/crash/test-crash-kill9-under-load.sh \
	tests/crash/test-crash-legs-lose-caches.sh \
	tests/crash/test-crash-one-leg-away.sh \
	tests/e2e/test-dump-leg.sh \
	tests/e2e/test-etcd-late-write.sh \
	tests/e2e/test-etcd-many.sh \
	tests/e2e/test-etcd-servers.sh \
	tests/e2e/test-etcd-tls.sh \
	tests/e2e/test-etcd-three-members.sh \
	tests/e2e/test-fault-bad-sector.sh \
	tests/e2e/test-fault-bad-source.sh \
	tests/e2e/test-fault-connection-ends.sh \
	tests/e2e/test-fault-file-size.sh \
	tests/e2e/test-fault-full-disk.sh \
	tests/e2e/test-fault-last-leg.sh \
	tests/e2e/test-fault-leg-errors.sh \
	tests/e2e/test-fault-leg-network.sh \
	tests/e2e/test-fault-log-device.sh \
	tests/e2e/test-fault-mirror-stopped.sh \
	tests/e2e/test-file-control-removed.sh \
	tests/e2e/test-file-leg-removed.sh \
	tests/e2e/test-file-log-removed.sh \
	tests/e2e/test-input-control.sh \
	tests/e2e/test-input-legs.sh \
	tests/e2e/test-input-log.sh \
	tests/e2e/test-input-one-disk.sh \
	tests/e2e/test-input-parameters.sh \
	tests/e2e/test-input-requests.sh \
	tests/e2e/test-installed.sh \
	tests/e2e/test-leg-all-away.sh \
	tests/e2e/test-leg-block-device.sh \
	tests/e2e/test-leg-flaps.sh \
	tests/e2e/test-leg-kinds.sh \
	tests/e2e/test-leg-lies-about-zeroes.sh \
	tests/e2e/test-leg-one-user.sh \
	tests/e2e/test-leg-local-hangs.sh \
	tests/e2e/test-leg-relative-names.sh \
	tests/e2e/test-leg-returns.sh \
	tests/e2e/test-leg-server-killed.sh \
	tests/e2e/test-leg-slow.sh \
	tests/e2e/test-leg-stopped-times-out.sh \
	tests/e2e/test-log-core.sh \
	tests/e2e/test-log-found-again.sh \
	tests/e2e/test-log-grows.sh \
	tests/e2e/test-log-space-is-reserved.sh \
	tests/e2e/test-logd-address-later.sh \
	tests/e2e/test-logd-faults.sh \
	tests/e2e/test-logd-full-disk.sh \
	tests/e2e/test-logd-killed.sh \
	tests/e2e/test-logd-many.sh \
	tests/e2e/test-logd-other-key.sh \
	tests/e2e/test-logd-race.sh \
	tests/e2e/test-logd-tls.sh \
	tests/e2e/test-logd-tls-again.sh \
	tests/e2e/test-logd-tool.sh \
	tests/e2e/test-logd-two-hosts.sh \
	tests/e2e/test-memory-is-bounded.sh \
	tests/e2e/test-messages.sh \
	tests/e2e/test-nbdkit-options.sh \
	tests/e2e/test-order-care.sh \
	tests/e2e/test-order-grow.sh \
	tests/e2e/test-order-legs.sh \
	tests/e2e/test-order-log-move.sh \
	tests/e2e/test-order-set-of-legs.sh \
	tests/e2e/test-resync-fragmented-leg.sh \
	tests/e2e/test-resync-thin-target.sh \
	tests/e2e/test-restart-under-load.sh \
	tests/e2e/test-scale-sparse-15T.sh \
	tests/e2e/test-scrub.sh \
	tests/e2e/test-shutdown-is-bounded.sh \
	tests/e2e/test-shutdown-with-clients.sh \
	tests/e2e/test-start-after-the-kernel.sh \
	tests/e2e/test-records-grown.sh \
	tests/e2e/test-records-nested.sh \
	tests/e2e/test-records-start.sh \
	tests/e2e/test-records-two-hosts.sh \
	tests/e2e/test-start-another-host.sh \
	tests/e2e/test-start-disks-exchanged.sh \
	tests/e2e/test-start-larger-blocks.sh \
	tests/e2e/test-start-leg-absent.sh \
	tests/e2e/test-start-log-lost.sh \
	tests/e2e/test-start-new-mirror.sh \
	tests/e2e/test-start-override.sh \
	tests/e2e/test-start-replaced-leg.sh \
	tests/e2e/test-start-rolled-back-leg.sh \
	tests/e2e/test-start-words-in-unit-file.sh \
	tests/e2e/test-threads-take-no-signals.sh \
	tests/outages/test-outage-rolling-restart.sh \
	tests/outages/test-outage-slow-line.sh \
	tests/outages/test-outage-table.sh \
	$(NULL)
TESTS += \
	tests/check/check-circles \
	tests/check/check-includes.sh \
	$(e2e_tests) \
	$(NULL)
EXTRA_DIST += \
	tests/bench/bench \
	tests/bench/bench-report \
	tests/bench/beside-report \
	tests/bench/beside.sh \
	tests/bench/goals \
	tests/bench/meter.sh \
	tests/bench/sides.sh \
	tests/bench/works.sh \
	tests/check/check-circles \
	tests/check/check-includes.sh \
	tests/crash/crash-devices.sh \
	tests/crash/crash-etcd.sh \
	tests/crash/crash-harness \
	tests/crash/crash-loop \
	tests/crash/crash-losses.sh \
	tests/crash/crash-round \
	tests/lib/certificates.sh \
	tests/lib/etcd-log \
	tests/lib/etcd.sh \
	tests/lib/functions.sh \
	tests/lib/orders.sh \
	tests/e2e/light-clients \
	tests/e2e/odd-requests \
	tests/crash/rebuild-leg \
	tests/e2e/paced-load \
	tests/lib/register-check \
	tests/e2e/tcp-forward \
	tests/e2e/tcp-proxy \
	tests/outages/name-server \
	tests/outages/outage-cell \
	tests/outages/outage-faults.sh \
	tests/outages/outage-table \
	$(e2e_tests) \
	$(NULL)

# Load for the log server, used by tests/bench/bench.
check_PROGRAMS += tests/bench/mark-load
tests_bench_mark_load_SOURCES = \
	tests/bench/mark-client.c \
	tests/bench/mark-client.h \
	tests/bench/mark-load.c \
	tests/bench/mark-load.h \
	tests/bench/mark-lone.c \
	$(NULL)
tests_bench_mark_load_CPPFLAGS = $(TEST_CPPFLAGS)
tests_bench_mark_load_LDADD = libproto.la libcommon.la

# A log server with a mistake: it compares nothing.
if HAVE_CURL
check_PROGRAMS += tests/e2e/logd-unguarded
tests_e2e_logd_unguarded_SOURCES = tests/lib/no-guard.c
tests_e2e_logd_unguarded_CPPFLAGS = $(ETCD_CPPFLAGS) $(JSON_CFLAGS)
tests_e2e_logd_unguarded_LDFLAGS = -Wl,--wrap=etcd_guard
tests_e2e_logd_unguarded_LDADD = \
	$(logd_nbdmirror_logd_OBJECTS) \
	$(logd_nbdmirror_logd_LDADD) \
	$(NULL)
endif

# A plugin with a mistake: mutant.c in the directory MUTANT takes the place of
# the source file with the same functions.
$(MUTANT)/mutant.la: $(MUTANT)/mutant.c
	$(LTCOMPILE) $(OPEN_CPPFLAGS) $(LOG_IMPL_CPPFLAGS) $(NBDKIT_CFLAGS) \
	  $(LIBNBD_CFLAGS) $(UUID_CFLAGS) \
	  -c -o $(MUTANT)/mutant.lo $(MUTANT)/mutant.c
	$(nbdkit_mirror_plugin_la_LINK) -rpath $(plugindir) \
	  -Wl,--allow-multiple-definition \
	  $(MUTANT)/mutant.lo $(nbdkit_mirror_plugin_la_OBJECTS) \
	  $(nbdkit_mirror_plugin_la_LIBADD) $(LIBS)

# Figures, no verdict: docs/BENCH.md.  ROUNDS, WORKS and the others are
# variables of make, or of the environment.
bench: all tests/bench/mark-load
	$(srcdir)/tests/bench/bench
.PHONY: bench
