# SPDX-License-Identifier: BSD-3-Clause

# The page NAME.SECTION is made of NAME.pod.
man1_MANS = \
	docs/nbdkit-mirror-plugin.1 \
	$(NULL)
man5_MANS = \
	docs/nbdmirror-leg.5 \
	docs/nbdmirror-log.5 \
	$(NULL)
man7_MANS = \
	docs/nbdmirror-control.7 \
	docs/nbdmirror-protocol.7 \
	$(NULL)
man8_MANS = \
	docs/nbdmirror-logd.8 \
	docs/nbdmirror-serve.8 \
	docs/nbdmirror.8 \
	$(NULL)
MOSTLYCLEANFILES = \
	$(man1_MANS) \
	$(man5_MANS) \
	$(man7_MANS) \
	$(man8_MANS) \
	$(NULL)
EXTRA_DIST += \
	$(man1_MANS:.1=.pod) \
	$(man5_MANS:.5=.pod) \
	$(man7_MANS:.7=.pod) \
	$(man8_MANS:.8=.pod) \
	README.md \
	docs/BENCH.md \
	docs/DESIGN.md \
	docs/pod-to-html \
	docs/rules.md \
	$(NULL)

TESTS += tests/check/check-docs.sh
EXTRA_DIST += tests/check/check-docs.sh

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

# `make html': the pages in docs/html, with links to each other.
pages = $(man1_MANS) $(man5_MANS) $(man7_MANS) $(man8_MANS)
html-local:
	$(AM_V_GEN)$(MKDIR_P) docs/html && for page in $(pages:docs/%=%); do \
	  perl $(srcdir)/docs/pod-to-html $(srcdir)/docs/$${page%.*}.pod \
	    $(pages:docs/%=%) > docs/html/$$page.html || exit 1; \
	done
mostlyclean-local:
	rm -rf docs/html
