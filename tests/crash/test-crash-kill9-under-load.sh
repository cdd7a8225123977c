#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause

# kill -9 under load, ten times: only what was marked is copied, the legs are
# equal, no acknowledged write is lost.

exec "$(dirname "$0")/crash-loop" --rounds 10 --seed 1
