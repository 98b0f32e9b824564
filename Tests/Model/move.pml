/* move.pml: a silent member is moved to the notes. Does a later revoke overlook a worker that may still trust its cache?
 *
 * One worker; executables that move it, and date and clear away notes, again and again; and the revoker that is judged, all
 * of one machine. (Another machine takes a note's moment for missing.) Entries are told apart by their tokens. The checksum is
 * kept exactly: how often each token counts in it. What goes on on a link is lease.pml's business: here a question is
 * answered at once, and only joins take their time. The last PING that is answered is sent just before the revoke, whose
 * signal the worker never hears: had it heard it, it would have forgotten the key.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 2              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#define TOKENS 3
#define NOBODY 0
#define ONCE 2                /* so that a count below zero is a byte, too */

/* ---- The membership list: the worker's entry, and notes of members that were moved ---- */
byte entry = NOBODY;          /* its token */
bit note[TOKENS + 1];
bit dated[TOKENS + 1];        /* with its moment */
byte noteAge[TOKENS + 1] = LAPSED;
byte counted[TOKENS + 1] = ONCE;       /* in the checksum */

/* ---- The worker ---- */
byte token = NOBODY;          /* of the entry that it sent last */
bit member = 0;
bit cached = 0;
byte entryAge = LAPSED;       /* since it found its entry */
byte pongAge = 0;             /* once the revoke is written */
mtype = { NONE, SENT, ENTERED };
mtype join = NONE;            /* of the data link of now */
byte replaced = NOBODY;       /* the entry that it found before it joined */
byte late = NOBODY, lateReplaced = NOBODY;    /* a join of a lost data link, which may yet arrive */

/* ---- Executables ---- */
mtype = { IDLE, READ, CLOCKED, MOVED, ASKING, EXITED };
mtype mover = IDLE;
byte found = NOBODY;          /* the entry that it read */
byte moveAge = 0;
byte noted = NOBODY;          /* the note that the clearer read */
byte notedAge = 0;

mtype revoker = IDLE;
bit good = 1, waits = 0;
byte waitAge = 0;

byte t = 0, free = 0;         /* worked with inside one step */
inline tidy() { t = 0; free = 0 }
inline older(x) { if :: x < LAPSED -> x++ :: else fi }

#define STANDS(x) (entry == x || note[x])
#ifdef DROP_NOTES_COUNT
#define MATCHES(x) (counted[x] == ONCE + (entry == x))
#else
#define MATCHES(x) (counted[x] == ONCE + STANDS(x))
#endif
#ifdef DROP_CHECKSUM
#define WHOLE 1
#else
#define WHOLE (MATCHES(1) && MATCHES(2) && MATCHES(3))
#endif
#define RUNS (good || (cached && pongAge < LAPSED))
#define TRUSTED (cached && entryAge < LAPSED && pongAge < LAPSED)

/* Nothing remembers this token, so it may stand for one that is new. */
#define FREE(x) (counted[x] == ONCE && !STANDS(x) && token != x && replaced != x && late != x && lateReplaced != x && \
                 found != x && noted != x)

inline count(x) { if :: counted[x] < ONCE + 2 -> counted[x]++ :: else fi }
inline discount(x) { if :: x != NOBODY && counted[x] > 0 -> counted[x]-- :: else fi }
inline enter(new, old) { entry = new; count(new); discount(old) }
inline unnote(x) { note[x] = 0; dated[x] = 0; noteAge[x] = LAPSED }
inline clear(x) { unnote(x); discount(x); printf("the note of %d is cleared away\n", x) }
inline finish() { mover = IDLE; found = NOBODY; moveAge = 0 }

/* The moment of a note is the first that an executable of this machine puts down. */
inline date(x, since) { if :: note[x] && !dated[x] -> dated[x] = 1; noteAge[x] = since :: else fi }

active proctype Model() provided (RUNS)
{
  do
  :: d_step {
       true ->
       older(entryAge);
       if :: !good -> older(pongAge) :: else fi;
       for (t : 1 .. TOKENS) { if :: dated[t] -> older(noteAge[t]) :: else fi }
       if :: mover == CLOCKED || mover == MOVED -> older(moveAge) :: else fi;
       if :: noted != NOBODY -> older(notedAge) :: else fi;
       if :: revoker == ASKING -> older(waitAge) :: else fi;
       tidy(); printf("a tick passes\n") }

  /* ---- The worker ---- */
#ifdef DROP_TOKEN
  :: d_step { member && entry != NOBODY && entryAge > 0 -> entryAge = 0; printf("worker finds an entry\n") }
#else
  :: d_step { member && entry == token && entryAge > 0 -> entryAge = 0; printf("worker finds its entry\n") }
  :: d_step { member && entry != token ->
       cached = 0; entryAge = LAPSED;
       member = 0; printf("worker misses its entry\n") }
#endif
  /* A member joins anew, too, when its settings change. */
  :: d_step { join == NONE && (FREE(1) || FREE(2) || FREE(3)) ->
       if :: FREE(1) -> free = 1 :: !FREE(1) && FREE(2) -> free = 2 :: else -> free = 3 fi;
       join = SENT; member = 0; replaced = entry; token = free;
       printf("worker joins as %d, in place of %d\n", token, replaced); tidy() }
  :: d_step { join == SENT -> join = ENTERED; enter(token, replaced); replaced = NOBODY; printf("store: the worker has joined\n") }
  :: d_step { join == ENTERED -> join = NONE; member = 1; cached = good; entryAge = LAPSED;
       printf("worker is a member and begins anew; the key is good: %d\n", cached) }
  :: d_step { join == ENTERED || (join == SENT && late == NOBODY) ->
       if :: join == SENT -> late = token; lateReplaced = replaced :: else fi;
       join = NONE; replaced = NOBODY; printf("data link is lost, with the joining\n") }
  :: d_step { late != NOBODY ->
       enter(late, lateReplaced); printf("store: %d has joined late, in place of %d\n", late, lateReplaced);
       late = NOBODY; lateReplaced = NOBODY }

  /* ---- By hand ---- */
  :: d_step { entry != NOBODY -> entry = NOBODY; printf("the entry is deleted by hand\n") }
  :: d_step { note[1] || note[2] || note[3] -> unnote(1); unnote(2); unnote(3); printf("the notes are deleted by hand\n") }

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE ->
       good = 0; revoker = READ; printf("store: the record is revoked\n") }
  :: d_step { revoker == READ ->
       revoker = ASKING; waitAge = LAPSED; waits = (entry != NOBODY || !WHOLE);
       if :: waits -> waitAge = 0 :: else fi;
       for (t : 1 .. TOKENS) {
         if
         :: note[t] -> waits = 1; if :: !dated[t] -> waitAge = 0 :: dated[t] && noteAge[t] < waitAge -> waitAge = noteAge[t] :: else fi
         :: else
         fi
       }
       printf("revoker reads the list: entry %d, whole %d, has waited %d\n", entry, WHOLE, waitAge); tidy() }
  :: d_step { revoker == ASKING && (!waits || waitAge == LAPSED) -> revoker = EXITED; printf("revoker exits\n") }

#if defined(REACHED_NOTE)
  :: revoker == ASKING && TRUSTED && entry == NOBODY && (note[1] || note[2] || note[3]) && WHOLE -> assert(false)
#elif defined(REACHED_BROKEN)
  :: revoker == ASKING && TRUSTED && waits && entry == NOBODY && !note[1] && !note[2] && !note[3] -> assert(false)
#elif defined(REACHED_CLEARED)
  :: revoker == ASKING && !waits && cached && pongAge < LAPSED -> assert(false)
#endif
  :: revoker == EXITED && TRUSTED -> printf("a request is let in from the cache\n"); assert(false)
  od
}

/* It moves the worker, whether waited out or not: the time that a revoke takes has an end. */
active proctype Mover() provided (RUNS)
{
  do
  :: d_step { mover == IDLE && entry != NOBODY -> mover = READ; found = entry; printf("mover reads the list: %d\n", found) }
#ifdef DROP_MOMENT_AFTER_REPLY
  :: d_step { mover == READ -> mover = CLOCKED; moveAge = 0; printf("mover looks at its clock\n") }
  :: d_step { mover == CLOCKED ->
#else
  :: d_step { mover == READ ->
#endif
       printf("mover moves %d; in the list is %d\n", found, entry);
       if
#ifndef DROP_WATCH
       :: entry != found -> finish()
#endif
       :: else ->
            entry = NOBODY;
#if defined(DROP_NOTES_COUNT) || defined(DROP_NOTE)
            discount(found);
#endif
#ifndef DROP_NOTE
            note[found] = 1;
#endif
#if defined(DROP_MOMENT_AFTER_REPLY)
            date(found, moveAge); finish()
#elif defined(DROP_NOTE)
            finish()
#else
            mover = MOVED; moveAge = 0
#endif
       fi }
  :: d_step { mover == MOVED -> date(found, moveAge); printf("mover dates its note\n"); finish() }
  :: d_step { mover != IDLE -> finish(); printf("mover ends early\n") }
  od
}

/* It dates notes that are not dated, by when it read them, and clears away what is waited out. */
active proctype Clearer() provided (RUNS)
{
  do
  :: d_step { noted == NOBODY && ((note[1] && !dated[1]) || (note[2] && !dated[2]) || (note[3] && !dated[3])) ->
       if :: note[1] && !dated[1] -> noted = 1 :: !(note[1] && !dated[1]) && note[2] && !dated[2] -> noted = 2 :: else -> noted = 3 fi;
       notedAge = 0; printf("clearer reads a note of %d\n", noted) }
  :: d_step { noted != NOBODY -> date(noted, notedAge); printf("clearer dates the note of %d\n", noted); noted = NOBODY; notedAge = 0 }
  :: d_step { dated[1] && noteAge[1] == LAPSED -> clear(1) }
  :: d_step { dated[2] && noteAge[2] == LAPSED -> clear(2) }
  :: d_step { dated[3] && noteAge[3] == LAPSED -> clear(3) }
  od
}
