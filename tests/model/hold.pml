/* SPDX-License-Identifier: BSD-3-Clause */

/* The last in-sync leg is away (S5a) as a model for spin: what is kept in
 * memory (unstable.c), how the mirror holds (hold.c), and how the leg comes
 * back (hold-return.c).  README beside this file says what is modelled and
 * what is not; check-model runs it.
 *
 * One block on two NBD legs whose servers have caches.  A value is the number
 * of the write that wrote it, so "older" is "smaller", and sets of writes are
 * masks of these numbers.  As in mirror.pml threads rest at the head of their
 * loops, *_pc says where, and an alternative is one critical section, or one
 * thing that the world does.
 *
 * All that the mirror itself does takes it nearer to its end, so where nothing
 * can be done any more (timeout) all must have been done: somebody waits for
 * ever otherwise.
 *
 * MISTAKE_*    breaks a rule
 * CLIENTS_ONLY only what a client can see counts
 */

#ifndef WRITES
#define WRITES 2 /* as many as there will be */
#endif
#ifndef NFLUSH
#define NFLUSH 1 /* threads that flush */
#endif
#ifndef FLUSHES
#define FLUSHES 1 /* of the client; others when there is something to flush */
#endif
#ifndef LOSSES
#define LOSSES 3 /* a connection is lost, with what was sent, or a cache */
#endif
#ifndef EXPIRES
#define EXPIRES 1 /* holds longer than hold-timeout= */
#endif
#ifndef UNKEPT
#define UNKEPT 0 /* writes that are not kept in memory */
#endif
#ifndef CRASHES
#define CRASHES 0 /* of the mirror, which take all that is in memory along */
#endif
#ifndef OUT
#define OUT 0 /* legs that are out at first, and miss the block */
#endif

#define ALL 3
#define BIT(l) (1 << (l))
#define ONLY(mask) ((mask) == 2) /* the only leg of a mask */

/* --- the world --- */

byte mem[2];  /* what a read of the leg returns */
byte med[2];  /* what is on its medium */
byte late[2]; /* value + 1 that may land until the quarantine is over */

byte next = 1; /* the next write */
byte known;    /* a client wrote it and was told so, or has read it */
byte durable;  /* of that, a FLUSH was acknowledged after it */

byte n_flush = FLUSHES, n_loss = LOSSES, n_expire = EXPIRES;
byte n_unkept = UNKEPT, n_crash = CRASHES;

/* --- the mirror --- */

byte in_sync = ALL & ~OUT, resyncing;
byte lost; /* leg->lost */
byte miss = OUT; /* legs that miss the block */
bit unrec; /* failures_recorded < failures */
bit quar;  /* what was sent before a crash is not on the medium yet (S21) */

/* The legs that are called in-sync: in memory and in the log's store. */
byte l_sync = ALL & ~OUT, d_sync = ALL & ~OUT;

/* hold.h */
#define H_NONE 0
#define H_AWAY 1
#define H_QUARANTINE 2
#define H_REPLAY 3
#define H_SETTLE 4
#define H_GO_ON 5
byte h_pc, h_legs, h_todo;
bit h_over; /* hold_is_over_locked */
byte gone;  /* hold.lost */

/* unstable.h: masks of writes, those under way and those that failed included.
 * flushed_seq is not needed: what a flush serves leaves all of these at once.
 */
byte kept;   /* in the list */
byte unkept; /* not in the list, and not flushed */
byte ended;  /* of both, those that are not under way */
#ifdef MISTAKE_HOLD_LANDED
#define COMPLETE (!unkept)
#else
#define COMPLETE (!unkept && !quar)
#endif

/* The writer, write.c. */
#define W_IDLE 0
#define W_FAN 1
#define W_WAIT 2 /* wait_for_last */
#define W_ACK 3
byte w_pc, w_legs, w_left, w_bad;
bit w_err;
#define W (next - 1) /* the write at hand */

/* Threads that flush: clients and the worker, flush.c. */
#define F_IDLE 0
#define F_FAN 1
#define F_AGAIN 2 /* flush_lasting */
#define F_ACK 3
byte f_pc[NFLUSH], f_legs[NFLUSH], f_left[NFLUSH];
byte f_ended[NFLUSH]; /* when it began: f->seq */
byte f_known[NFLUSH];
byte f_client, f_sweep; /* masks: it is one of the client, of a sweep, */
byte f_quar;            /* one that began after the quarantine */

/* Resync of one leg from the other. */
#define R_NONE 0
#define R_COPYING 1
#define R_COPIED 2
#define R_SWEEPING 3
byte r_pc, r_v;
bit r_spoiled;

byte l, x; /* only used within a step, zero between steps */
#define SCRATCH_0 l = 0; x = 0

#define WRITING_SET (in_sync | resyncing)
#define TARGET ONLY (resyncing)
#define SOURCE ONLY (in_sync)
#define QUARANTINE (quar && (late[0] || late[1]))

/* Who uses a leg: it is not connected again before they are gone. */
#if NFLUSH > 1
#define F_USES (f_legs[0] | f_legs[1])
#else
#define F_USES f_legs[0]
#endif
#ifdef MISTAKE_HOLD_USED
#define W_USES (w_pc == W_FAN || w_pc == W_WAIT)
#else
#define W_USES (w_pc == W_FAN)
#endif
#define USED(l) \
  ((W_USES && (w_legs & BIT (l))) || (F_USES & BIT (l)) || \
   (r_pc == R_COPYING && !(in_sync & BIT (l))))

/* --- helpers; part of a step --- */

inline cache_write (leg, v)
{
  if
  :: true
  :: med[leg] != mem[leg] -> med[leg] = mem[leg] /* it was written back */
  fi;
  mem[leg] = v
}

inline lose_cache (leg)
{
  if
  :: true
  :: med[leg] != mem[leg] -> med[leg] = mem[leg]
  fi;
  mem[leg] = med[leg]
}

inline lowest (to, mask)
{
  if
  :: (mask) & 2 -> to = 1
  :: !((mask) & 2) && ((mask) & 4) -> to = 2
  :: else -> to = 3
  fi
}

inline highest (to, mask)
{
  if
  :: (mask) & 8 -> to = 3
  :: !((mask) & 8) && ((mask) & 4) -> to = 2
  :: else -> to = 1
  fi
}

/* What is written again of those that overlap. */
#ifdef MISTAKE_HOLD_ORDER
#define NEWEST lowest
#else
#define NEWEST highest
#endif

/* resync_spoil_locked */
inline spoil ()
{
  if
  :: r_pc == R_COPYING -> r_spoiled = 1
  :: else -> r_pc = R_NONE
  fi
}

/* Connection lost, or the mirror dies: a request of value v to the leg was
 * sent or was not, and it has happened, or has not, or may land later.
 */
inline unanswered (leg, v)
{
  if
  :: true
  :: cache_write (leg, v)
  :: late[leg] = v + 1
  fi
}

inline all_unanswered (leg)
{
  if
  :: (lost & BIT (leg)) /* to a lost leg nothing was sent */
  :: else ->
     if
     :: w_pc == W_FAN && (w_left & BIT (leg)) -> unanswered (leg, W)
     :: h_pc == H_REPLAY && (h_legs & BIT (leg)) && h_todo ->
        lowest (x, h_todo);
        unanswered (leg, x)
     :: r_pc == R_COPYING && (resyncing & BIT (leg)) ->
        unanswered (leg, r_v)
     :: else
     fi
  fi;
  x = 0
}

/* members.c:member_fail_locked */
inline member_fail (bits)
{
  in_sync = in_sync & ~(bits);
  resyncing = resyncing & ~(bits);
  l_sync = l_sync & ~(bits);
  miss = miss | (bits);
  unrec = 1;
  spoil ()
}

/* hold.c:hold_begin_locked */
inline hold_begin (bits)
{
  if
#ifdef MISTAKE_HOLD_UNKEPT
  :: true ->
#else
  :: COMPLETE ->
#endif
     h_legs = (bits);
     h_pc = H_AWAY;
     spoil ()
  :: !COMPLETE -> gone = (bits)
  fi
}

/* ...:hold_end_locked */
inline hold_end ()
{
  h_legs = 0;
  h_pc = H_NONE;
  h_over = 0
}

/* unstable.c:unstable_flushed_locked */
inline unstable_flushed (mask)
{
  kept = kept & ~(mask);
  unkept = unkept & ~(mask);
  ended = ended & (kept | unkept)
}

/* --- threads --- */

active proctype writer ()
{
  do
  :: atomic { /* write_begin: the range, the legs, the memory */
       w_pc == W_IDLE && next <= WRITES && !h_legs && r_pc != R_COPYING &&
       !QUARANTINE ->
       if
       :: kept = kept | BIT (next)
       :: n_unkept > 0 ->
          n_unkept--;
          unkept = unkept | BIT (next)
       fi;
       next++;
       w_legs = WRITING_SET;
       w_left = w_legs;
       w_pc = W_FAN
     }
  :: atomic { /* fan.c:fan_out: a leg answers */
       w_pc == W_FAN && w_left ->
       if
       :: (w_left & 1) -> l = 0
       :: (w_left & 2) -> l = 1
       fi;
       w_left = w_left & ~BIT (l);
       if
       :: (lost & BIT (l)) -> w_bad = w_bad | BIT (l)
       :: else -> cache_write (l, W)
       fi;
       SCRATCH_0
     }
  :: d_step { /* write_end */
       w_pc == W_FAN && !w_left -> w_pc = W_WAIT
     }
  :: d_step { /* wait_for_last, write_outcome */
       w_pc == W_WAIT && !((w_bad & h_legs) && !h_over) ->
       if
       /* Not lost for good, and was away: it is back, and has it. */
       :: w_bad == 0 || (w_legs & ~w_bad & in_sync) ||
          (w_bad & in_sync & ~h_legs & ~gone)
       :: else -> /* members_miss_locked */
          x = ALL & ~in_sync;
          miss = miss | x;
          l_sync = l_sync & ~x;
          spoil ();
          if
          :: !h_legs && (kept & BIT (W)) -> /* unstable_failed_locked */
             kept = kept & ~BIT (W);
             unkept = unkept | BIT (W)
          :: else
          fi;
          w_err = 1
       fi;
       w_pc = W_ACK;
       w_legs = 0;
       w_bad = 0;
       SCRATCH_0
     }
  :: d_step { /* acknowledge_locked, write_leave, unstable_end_locked */
       w_pc == W_ACK && (!unrec || gone || h_over) ->
       if
       :: !w_err && !unrec && W > known -> known = W
       :: else
       fi;
       ended = (ended | BIT (W)) & (kept | unkept);
#ifdef MISTAKE_HOLD_KEPT
       kept = kept & ~BIT (W);
#endif
       w_err = 0;
       w_pc = W_IDLE
     }
  od
}

#define F BIT (_pid - 1) /* the flushing threads come after the writer */
#define me (_pid - 1)

#define WANTED (((kept | unkept) & ended) || (quar && !QUARANTINE))

active [NFLUSH] proctype flusher ()
{
  do
  :: atomic { /* flush_begin */
       ((f_pc[me] == F_IDLE &&
         (n_flush > 0 || WANTED || r_pc == R_COPIED)) ||
        f_pc[me] == F_AGAIN) && !h_legs && !gone ->
       if
       :: f_pc[me] == F_AGAIN
       :: f_pc[me] == F_IDLE && n_flush > 0 ->
          n_flush--;
          f_client = f_client | F;
          f_known[me] = known
       :: f_pc[me] == F_IDLE && r_pc == R_COPIED -> /* sweep.c:pick */
          f_sweep = f_sweep | F;
          r_pc = R_SWEEPING
       /* unstable_flush_if_asked, quarantine_over */
       :: f_pc[me] == F_IDLE && r_pc != R_COPIED && WANTED
       fi;
       f_quar = ((quar && !QUARANTINE) -> f_quar | F : f_quar);
       f_legs[me] = WRITING_SET;
       f_left[me] = f_legs[me];
       f_ended[me] = ended;
       f_pc[me] = F_FAN
     }
  :: d_step { /* the flush of a leg */
       f_pc[me] == F_FAN && (f_left[me] & 1) ->
       f_left[me] = f_left[me] & ~1;
       if
       :: (lost & 1)
       :: else -> med[0] = mem[0]
       fi
     }
  :: d_step { /* ... */
       f_pc[me] == F_FAN && (f_left[me] & 2) ->
       f_left[me] = f_left[me] & ~2;
       if
       :: (lost & 2)
       :: else -> med[1] = mem[1]
       fi
     }
  :: d_step { /* flush_end */
       f_pc[me] == F_FAN && !f_left[me] ->
       f_legs[me] = 0;
       if
#ifdef MISTAKE_HOLD_FLUSH
       :: false
#else
       :: h_legs || gone -> /* what is lost was not flushed */
          f_pc[me] = ((f_client & F) -> F_AGAIN : F_IDLE);
          f_sweep = f_sweep & ~F
#endif
       :: else ->
#ifdef MISTAKE_HOLD_EARLY
          unstable_flushed (ended);
#else
          unstable_flushed (f_ended[me]);
#endif
          quar = ((f_quar & F) -> 0 : quar); /* quarantine_over */
          if
          :: (f_sweep & F) && r_pc == R_SWEEPING -> /* raise_regions */
             miss = 0;
             r_pc = R_NONE
          :: else
          fi;
          f_sweep = f_sweep & ~F;
          f_pc[me] = ((f_client & F) -> F_ACK : F_IDLE)
       fi;
       f_quar = f_quar & ~F;
       f_ended[me] = 0
     }
  :: d_step { /* flush_lasting, mirror_flush: EIO */
       (f_pc[me] == F_AGAIN || f_pc[me] == F_ACK) && (gone || h_over) ->
       f_client = f_client & ~F;
       f_known[me] = 0;
       f_pc[me] = F_IDLE
     }
  :: d_step { /* acknowledge_locked */
       f_pc[me] == F_ACK && !unrec ->
       if
       :: f_known[me] > durable -> durable = f_known[me]
       :: else
       fi;
       f_client = f_client & ~F;
       f_known[me] = 0;
       f_pc[me] = F_IDLE
     }
  od
}

/* Record and log: the last in-sync leg has one, too. */
active proctype recorder ()
{
  do
  :: d_step { /* acknowledge.c:record_failures_locked */
       unrec && !h_legs && !gone ->
       d_sync = l_sync;
       unrec = 0
     }
  :: d_step { /* promote.c:enter_log */
       resyncing && !(miss & resyncing) && !(l_sync & resyncing) && !h_legs &&
       !gone && !unrec ->
       l_sync = l_sync | resyncing;
       d_sync = l_sync
     }
  :: d_step { /* announce */
       resyncing && !(miss & resyncing) && (l_sync & resyncing) && !h_legs &&
       !gone ->
       in_sync = in_sync | resyncing;
       resyncing = 0
     }
  od
}

#define H ONLY (h_legs)

/* The last leg's rejoiner, hold-return.c:hold_return. */
active proctype holder ()
{
  do
  :: d_step { /* leg_reconnect */
       h_pc == H_AWAY && !USED (H) ->
       lost = lost & ~h_legs;
       h_pc = H_QUARANTINE
     }
  :: d_step { /* wait_quarantine */
#ifdef MISTAKE_HOLD_QUARANTINE
       h_pc == H_QUARANTINE ->
#else
       h_pc == H_QUARANTINE && !late[H] ->
#endif
       h_todo = kept;
#ifdef MISTAKE_HOLD_UNANSWERED
       h_todo = kept & ended;
#endif
#ifndef MISTAKE_HOLD_ONCE
       if
       :: h_todo ->
          NEWEST (x, h_todo);
          h_todo = BIT (x);
          x = 0
       :: else
       fi;
#endif
       h_pc = H_REPLAY
     }
  :: atomic { /* write_all */
       h_pc == H_REPLAY && h_todo ->
       lowest (x, h_todo);
       h_todo = h_todo & ~BIT (x);
       l = H;
       cache_write (l, x);
       SCRATCH_0
     }
  :: d_step { /* replay */
       h_pc == H_REPLAY && !h_todo ->
#ifdef MISTAKE_HOLD_SETTLE
       unstable_flushed (ended);
#endif
       h_pc = H_SETTLE
     }
  :: d_step { /* leg_settle */
       h_pc == H_SETTLE ->
#ifndef MISTAKE_HOLD_SETTLE
       med[H] = mem[H];
#endif
       h_pc = H_GO_ON
     }
  :: d_step { /* go_on */
       h_pc == H_GO_ON -> hold_end ()
     }
  od
}

#ifdef MISTAKE_S5_RECORDED
#define JOINS true
#else
#define JOINS (!unrec)
#endif

/* The other leg's rejoiner, and resync. */
active proctype copier ()
{
  do
#ifdef MISTAKE_HOLD_OTHER
  :: d_step { /* it takes the place of the one that is away */
       h_legs && !USED (ONLY (ALL & ~h_legs)) && !resyncing ->
       in_sync = ALL & ~h_legs;
       lost = lost & ~in_sync;
       l_sync = in_sync;
       x = h_legs;
       hold_end ();
       h_todo = 0;
       member_fail (x);
       SCRATCH_0
     }
#endif
  :: d_step { /* rejoin-try.c:join */
       !h_legs && !gone && WRITING_SET != ALL && JOINS &&
       !USED (ONLY (ALL & ~in_sync)) ->
       resyncing = ALL & ~in_sync;
       lost = lost & ~resyncing
     }
  :: d_step { /* copy.c:copy_locked: reads the source */
       r_pc == R_NONE && (miss & resyncing) && w_pc == W_IDLE && !h_legs &&
       !gone && !late[TARGET] && !QUARANTINE ->
       r_v = mem[SOURCE];
       r_pc = R_COPYING
     }
  :: atomic { /* ...: it is written, or the target is lost */
       r_pc == R_COPYING ->
       if
       :: resyncing ->
          l = TARGET;
          cache_write (l, r_v)
       :: else -> r_spoiled = 1
       fi;
       r_pc = (r_spoiled -> R_NONE : R_COPIED);
       r_v = 0;
       r_spoiled = 0;
       SCRATCH_0
     }
  od
}

#define CONNECTED(l) \
  (((WRITING_SET & ~lost) & BIT (l)) && \
   !((h_legs & BIT (l)) && h_pc == H_AWAY))

/* leg-io.c:leg_lose, members.c:member_on_lost */
inline lose (leg)
{
  n_loss--;
  all_unanswered (leg);
  if
  :: true
  :: lose_cache (leg) /* it was the server that died */
  fi;
  lost = lost | BIT (leg);
  if
  :: h_legs == BIT (leg) ->
     h_pc = H_AWAY;
     h_todo = 0
  :: h_legs != BIT (leg) && in_sync == BIT (leg) -> hold_begin (BIT (leg))
  :: else -> member_fail (BIT (leg))
  fi
}

inline land (leg)
{
  if
  :: cache_write (leg, late[leg] - 1)
  :: true
  fi;
  late[leg] = 0
}

#if CRASHES > 0
/* Memory is gone, and the caches may be: what was not flushed is lost. */
inline crash ()
{
  n_crash--;
  all_unanswered (0);
  all_unanswered (1);
  if
  :: true
  :: lose_cache (0)
  fi;
  if
  :: true
  :: lose_cache (1)
  fi;
  known = durable;
  l = 0;
  do
  :: l < NFLUSH ->
     f_pc[l] = F_IDLE; f_legs[l] = 0; f_left[l] = 0;
     f_ended[l] = 0; f_known[l] = 0;
     l++
  :: else -> break
  od;
  l = 0;
  f_client = 0; f_sweep = 0; f_quar = 0;
  w_pc = W_IDLE; w_legs = 0; w_left = 0; w_bad = 0; w_err = 0;
  r_pc = R_NONE; r_v = 0; r_spoiled = 0;
  kept = 0; unkept = 0; ended = 0;
  hold_end ();
  h_todo = 0; gone = 0; lost = 0; unrec = 0;
  if /* plan.c:choose_source; the others miss what is marked */
  :: (d_sync & 1) -> in_sync = 1
  :: (d_sync & 2) -> in_sync = 2
  fi;
  resyncing = ALL & ~in_sync;
  miss = resyncing;
  l_sync = in_sync;
  d_sync = in_sync;
  med[SOURCE] = mem[SOURCE]; /* apply.c:flush_source */
  quar = (late[0] || late[1])
}
#endif

#define FINISHED \
  (next > WRITES && w_pc == W_IDLE && !f_client && !h_legs && in_sync == ALL)

active proctype world ()
{
  do
  :: atomic { /* a connection ends; the first is leg 1's: legs are alike */
       n_loss > 0 && (OUT || n_loss < LOSSES) && CONNECTED (0) -> lose (0)
     }
  :: atomic { /* ... */
       n_loss > 0 && CONNECTED (1) -> lose (1)
     }
  :: atomic { /* what was sent earlier lands, or never will */
       late[0] -> land (0)
     }
  :: atomic { /* ... */
       late[1] -> land (1)
     }
  :: d_step { /* hold-timeout= */
       h_legs && !h_over && n_expire > 0 ->
       n_expire--;
       h_over = 1
     }
#if CRASHES > 0
  :: atomic { /* the mirror is killed, and starts again */
       n_crash > 0 -> crash ()
     }
#endif
  :: timeout -> assert (FINISHED || gone); break
  od
}

/* read.c: a read of an in-sync leg; what a failure that is not recorded has
 * left is not shown (S4).
 */
#define READS(l) \
  ((in_sync & ~h_legs & ~lost & BIT (l)) && w_pc == W_IDLE && !unrec)

active proctype reader ()
{
  do
  :: d_step { READS (0) && mem[0] < known -> assert (mem[0] >= known) }
  :: d_step { READS (1) && mem[1] < known -> assert (mem[1] >= known) }
  :: d_step { READS (0) && mem[0] > known -> known = mem[0] }
  :: d_step { READS (1) && mem[1] > known -> known = mem[1] }
#ifndef CLIENTS_ONLY
  :: d_step { /* a stale leg is in use */
       in_sync & miss -> assert (!(in_sync & miss))
     }
#endif
  od
}
