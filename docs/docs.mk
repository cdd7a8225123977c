# SPDX-License-Identifier: BSD-3-Clause

# The page NAME.SECTION is made of NAME.pod.
man_MANS = \
	docs/nbdmirror-log.5 \
	docs/nbdmirror.8 \
	$(NULL)
EXTRA_DIST += \
	docs/nbdmirror-log.pod \
	docs/nbdmirror.pod \
	$(NULL)
MOSTLYCLEANFILES = $(man_MANS)

pod_to_man = \
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(POD2MAN) --errors=die --release=$(VERSION) --center=nbdmirror

SUFFIXES = .pod .1 .5 .7 .8
.pod.1:
	$(pod_to_man) --section=1 $< $@.tmp && mv $@.tmp $@
.pod.5:
	$(pod_to_man) --section=5 $< $@.tmp && mv $@.tmp $@
.pod.7:
	$(pod_to_man) --section=7 $< $@.tmp && mv $@.tmp $@
.pod.8:
	$(pod_to_man) --section=8 $< $@.tmp && mv $@.tmp $@
