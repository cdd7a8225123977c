# SPDX-License-Identifier: BSD-3-Clause

# End-to-end tests on the host: real servers, real clients.  The slow ones
# first, or they run alone at the end.
e2e_tests = \
	tests/test-crash-harness.sh \
	tests/test-leg-outage.sh \
	tests/test-crash-harness-controls.sh \
	tests/test-client-fio-verify.sh \
	tests/test-client-nbd-tools.sh \
	tests/test-client-qemu.sh \
	tests/test-crash-checker-finds-faults.sh \
	tests/test-crash-kill9-three-legs.sh \
	tests/test-crash-kill9-under-load.sh \
	tests/test-crash-legs-lose-caches.sh \
	tests/test-crash-one-leg-away.sh \
	tests/test-fault-bad-sector.sh \
	tests/test-fault-connection-ends.sh \
	tests/test-fault-full-disk.sh \
	tests/test-fault-leg-errors.sh \
	tests/test-fault-leg-network.sh \
	tests/test-fault-log-device.sh \
	tests/test-input-control.sh \
	tests/test-input-legs.sh \
	tests/test-input-log.sh \
	tests/test-input-parameters.sh \
	tests/test-leg-block-device.sh \
	tests/test-leg-flaps.sh \
	tests/test-leg-kinds.sh \
	tests/test-leg-returns.sh \
	tests/test-leg-server-killed.sh \
	tests/test-leg-stopped-times-out.sh \
	tests/test-log-core.sh \
	tests/test-log-found-again.sh \
	tests/test-log-grows.sh \
	tests/test-log-space-is-reserved.sh \
	tests/test-logd-faults.sh \
	tests/test-logd-killed.sh \
	tests/test-logd-many.sh \
	tests/test-logd-race.sh \
	tests/test-logd-tls.sh \
	tests/test-logd-tool.sh \
	tests/test-logd-two-hosts.sh \
	tests/test-nbdkit-options.sh \
	tests/test-resync-fragmented-leg.sh \
	tests/test-scale-sparse-15T.sh \
	tests/test-shutdown-is-bounded.sh \
	tests/test-shutdown-with-clients.sh \
	tests/test-start-after-the-kernel.sh \
	tests/test-start-another-host.sh \
	tests/test-start-disks-exchanged.sh \
	tests/test-start-leg-absent.sh \
	tests/test-start-log-lost.sh \
	tests/test-start-new-mirror.sh \
	tests/test-start-override.sh \
	tests/test-start-replaced-leg.sh \
	tests/test-start-rolled-back-leg.sh \
	tests/test-start-words-in-unit-file.sh \
	$(NULL)
TESTS += \
	tests/check-includes.sh \
	$(e2e_tests) \
	$(NULL)
EXTRA_DIST += \
	tests/bench-log \
	tests/bench-resync \
	tests/bench-write \
	tests/check-includes.sh \
	tests/crash-devices.sh \
	tests/crash-harness \
	tests/crash-loop \
	tests/crash-round \
	tests/functions.sh \
	tests/light-clients \
	tests/rebuild-leg \
	tests/paced-load \
	tests/register-check \
	tests/tcp-proxy \
	$(e2e_tests) \
	$(NULL)

# Load for the log server, used by tests/bench-log.
check_PROGRAMS += tests/mark-load
tests_mark_load_SOURCES = \
	tests/mark-client.c \
	tests/mark-client.h \
	tests/mark-load.c \
	tests/mark-load.h \
	tests/mark-lone.c \
	$(NULL)
tests_mark_load_CPPFLAGS = $(TEST_CPPFLAGS)
tests_mark_load_LDADD = libproto.la

# A plugin with a mistake: mutant.c in the directory MUTANT takes the place of
# the source file with the same functions.
$(MUTANT)/mutant.la: $(MUTANT)/mutant.c
	$(LTCOMPILE) $(NBDKIT_CFLAGS) $(LIBNBD_CFLAGS) $(UUID_CFLAGS) \
	  -c -o $(MUTANT)/mutant.lo $(MUTANT)/mutant.c
	$(nbdkit_mirror_plugin_la_LINK) -rpath $(plugindir) \
	  -Wl,--allow-multiple-definition \
	  $(MUTANT)/mutant.lo $(nbdkit_mirror_plugin_la_OBJECTS) \
	  $(nbdkit_mirror_plugin_la_LIBADD) $(LIBS)

# Figures, no verdict.
bench: all tests/mark-load
	$(srcdir)/tests/bench-write
	$(srcdir)/tests/bench-write --nbd
	$(srcdir)/tests/bench-resync
	$(srcdir)/tests/bench-resync --nbd
	$(srcdir)/tests/bench-log
.PHONY: bench
