#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause

# Mirrors of all kinds crash in all ways: what was acknowledged, or for legs
# that lose their caches what was flushed, is there, and the legs are equal; also
# when the log is lost, or an older copy, or not all legs are here.

exec "$(dirname "$0")/crash-harness" --rounds 24 --seed 1
