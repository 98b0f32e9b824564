/* terms.pml: entries are lost. Does a revoker count on a list that lacks a worker which may still trust its cache?
 *
 * The list may be deleted (or another data set takes its place), the server may start anew with less than it had, its
 * replication ID may change without that, and the worker's entry may be deleted by hand: at any time, any number of times.
 * Other executables and a gateway hand terms over, again and again. One revoker is judged.
 * A replication ID, a generation and a difference of the checksum that has changed never comes again: so what is remembered
 * of them is a bit, whether it is still that of now. Joins on their way and notes are move.pml's business.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 2              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#ifndef EXECUTABLES
#define EXECUTABLES 1         /* 1 or 2 */
#endif
#define SHORT 1               /* another gateway's */
#ifdef LONGER_THAN_CONFIGURED
#define NEEDED SHORT
#else
#define NEEDED LAPSED
#endif

/* ---- The membership list ---- */
bit generation = 0;           /* it has one */
bit entry = 0;                /* the worker's */
byte paid = 0;                /* by the field of this term and this generation; 0: there is none */
bit matches = 0;              /* checksum + delta of that field == sum of the tokens */
bit zero = 1;                 /* with a delta of 0 */
bit begun = 0;                /* a field says when a hand-over of this term and generation has begun */
bit begunMatches = 0;         /* with the difference that there is now */
byte begunAge = LAPSED;
bit restorable = 1;           /* the list may come back with the worker's entry: not, if that was gone before the revoke */

/* ---- The worker: it caches the good key when it joins ---- */
bit member = 0, cached = 0;
byte entryAge = LAPSED;       /* since it found its entry */
byte pongAge = 0;             /* once the revoke is written */

/* ---- Who hands over: executables 0 and 1, and gateway 2 ---- */
mtype = { IDLE, READ, GENERATION, WAITS, EXITED };
mtype state[3] = IDLE;
bit sameTerm[3], sameGeneration[3], sameDifference[3];    /* as it has read */
bit noDifference[2];          /* it has read that there is none */
byte age[3];                  /* since the reading */

/* ---- The revoker ---- */
mtype revoker = IDLE;
bit good = 1, listed = 0, whole = 0;
byte readAge = 0;             /* since it has read the list */
byte unlistedAge = 0;         /* since when it waits for who may be missing in it */

inline older(x) { if :: x < LAPSED -> x++ :: else fi }

#ifdef DROP_PAID
#define ENOUGH (paid > 0)
#else
#define ENOUGH (paid >= NEEDED)
#endif
#ifdef DROP_CHECKSUM
#define WHOLE (generation && ENOUGH)
#else
#define WHOLE (generation && ENOUGH && matches)
#endif
#define TRUSTED (cached && entryAge < LAPSED && pongAge < LAPSED)
#define RUNS (good || (cached && pongAge < LAPSED))

inline noBegun() { begun = 0; begunMatches = 0; begunAge = LAPSED }
inline begins(e) {
  sameTerm[e] = 1; sameGeneration[e] = 1; sameDifference[e] = 1; noDifference[e] = zero;
  if :: begun && begunMatches && begunAge > age[e] -> age[e] = begunAge :: else fi
}
inline nothing(e) { state[e] = IDLE; sameTerm[e] = 0; sameGeneration[e] = 0; sameDifference[e] = 0; age[e] = 0;
  if :: e < 2 -> noDifference[e] = 0 :: else fi }
inline hands(wait) {
  if
#ifdef DROP_ONLY_IF_NONE
  :: sameTerm[2] && sameGeneration[2] -> paid = wait; matches = zero
#else
  :: sameTerm[2] && sameGeneration[2] && paid == 0 -> paid = wait; matches = zero
#endif
  :: else
  fi;
  printf("gateway hands over; paid %d, matches %d\n", paid, matches); nothing(2)
}
inline noTerm() {
#ifndef DROP_TERM
  noBegun(); paid = 0; matches = 0; sameTerm[0] = 0; sameTerm[1] = 0; sameTerm[2] = 0;
#endif
  skip
}
inline differs() {
  matches = 0; zero = 0;
#ifndef DROP_BEGUN_DIFFERENCE
  begunMatches = 0;
#endif
  sameDifference[0] = 0; sameDifference[1] = 0; sameDifference[2] = 0 }

active proctype Model() provided (RUNS)
{
  do
  :: d_step {
       true ->
       older(entryAge);
       if :: !good -> older(pongAge) :: else fi;
       if :: state[0] != IDLE -> older(age[0]) :: else fi;
       if :: state[1] != IDLE -> older(age[1]) :: else fi;
       if :: state[2] != IDLE -> older(age[2]) :: else fi;
       if :: revoker == WAITS -> older(readAge); older(unlistedAge) :: else fi;
       if :: begun -> older(begunAge) :: else fi;
       printf("a tick passes\n") }

  /* ---- The worker ---- */
  :: d_step { !member ->
       member = 1; entry = 1; restorable = 1; generation = 1; entryAge = 0; cached = good;
       printf("worker joins and caches the key, which is good: %d\n", good) }
  :: d_step { member && entry && entryAge > 0 -> entryAge = 0; printf("worker finds its entry\n") }
  :: d_step { member && !entry -> member = 0; cached = 0; entryAge = LAPSED; printf("worker misses its entry\n") }

  /* ---- What loses entries ---- */
  :: d_step { generation ->
       printf("the list is deleted\n");
       entry = 0; generation = 0; noBegun(); paid = 0; matches = 0; zero = 1;
#ifndef DROP_GENERATION
       sameGeneration[0] = 0; sameGeneration[1] = 0; sameGeneration[2] = 0;
#endif
       sameDifference[0] = 0; sameDifference[1] = 0; sameDifference[2] = 0 }
  :: d_step { entry -> entry = 0; differs(); printf("the worker's entry is deleted by hand\n") }
  /* With the list of any earlier time, but not of one before the revoke, which would then be read back as undone. */
  :: atomic {
       true -> noTerm();
#ifndef GOES_ON
       nothing(2);
#endif
       printf("the server starts anew\n");
       if :: entry = 0 :: entry = (member && restorable) :: skip fi;
       if :: generation -> if :: generation = 0; entry = 0 :: skip fi :: else fi;
       if :: zero = 1 :: skip fi }
  :: d_step { paid > 0 || sameTerm[0] || sameTerm[1] || sameTerm[2] -> noTerm(); printf("the replication ID changes\n") }
#ifdef OLDER_COPY
  :: d_step { entry -> entry = 0; printf("an older copy of the list takes its place\n") }
#endif

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE -> good = 0; revoker = READ; restorable = entry;
       printf("store: the record is revoked\n") }
  /* The list that it reads has a generation: where there was none it sets one, and reads again. */
  :: d_step { revoker == READ ->
       generation = 1; listed = entry; whole = WHOLE; readAge = 0; revoker = WAITS;
       if :: begun && begunMatches -> unlistedAge = begunAge :: else -> unlistedAge = 0 fi;
       printf("revoker reads the list: entry %d, whole %d\n", listed, whole) }
#ifdef DROP_WAIT_UNLESS_WHOLE
  :: d_step { revoker == WAITS && (!listed || readAge == LAPSED) -> revoker = EXITED; printf("revoker exits\n") }
#else
  :: d_step { revoker == WAITS && (whole || unlistedAge >= NEEDED) && (!listed || readAge == LAPSED) ->
       revoker = EXITED; printf("revoker exits\n") }
#endif

#if defined(REACHED_FAST)
  :: revoker == EXITED && whole && !listed && readAge == 0 && cached && entryAge == LAPSED -> assert(false)
#elif defined(REACHED_DELTA)
  :: revoker == WAITS && whole && !zero -> assert(false)
#elif defined(REACHED_SLOW)
  :: revoker == WAITS && TRUSTED && !listed -> assert(false)
#endif
  :: revoker == EXITED && TRUSTED -> printf("a request is let in from the cache\n"); assert(false)
  od
}

/* Other revokes, which hand over what is not whole, and are killed at any time. */
active [EXECUTABLES] proctype Executable() provided (RUNS)
{
  byte e = (_pid == 1 -> 0 : 1);
  do
#if defined(DROP_READ_AGAIN)
  :: d_step { state[e] == IDLE && !generation ->
       state[e] = READ; sameTerm[e] = 1; sameDifference[e] = 1; noDifference[e] = zero; printf("executable %d reads that there is no list\n", e) }
  :: d_step { state[e] == READ -> state[e] = WAITS; generation = 1; sameGeneration[e] = 1; printf("executable %d has a generation\n", e) }
  :: d_step { state[e] == IDLE && generation && !WHOLE ->
#elif defined(DROP_MOMENT_AFTER_READING)
  :: d_step { state[e] == IDLE -> state[e] = READ; printf("executable %d looks at its clock\n", e) }
  :: d_step { state[e] == READ && !WHOLE ->
#else
  :: d_step { state[e] == IDLE && !WHOLE ->
#endif
       generation = 1; state[e] = WAITS; begins(e); printf("executable %d reads the list, which is not whole\n", e) }
  /* A hand-over outlives who began it. */
  :: d_step { state[e] == WAITS && sameTerm[e] && sameGeneration[e] && !(begun && begunMatches) ->
       begun = 1; begunAge = age[e]; begunMatches = (sameDifference[e] || (noDifference[e] && zero));
       printf("executable %d notes that it has begun %d ago\n", e, begunAge) }
#ifdef DROP_HAND_OVER_WAIT
  :: d_step { state[e] == WAITS ->
#else
  :: d_step { state[e] == WAITS && age[e] >= NEEDED ->
#endif
       if
       :: sameTerm[e] && sameGeneration[e] ->
            paid = NEEDED;
#ifdef DROP_DELTA_OF_READING
            matches = 1;
#else
            matches = (sameDifference[e] || (noDifference[e] && zero));
#endif
       :: else
       fi;
       printf("executable %d hands over; paid %d, matches %d\n", e, paid, matches); nothing(e) }
  :: d_step { state[e] != IDLE -> nothing(e); printf("executable %d is killed\n", e) }
  od
}

#ifndef NO_GATEWAY
/* Another worker, a member all the time. */
active proctype Gateway() provided (RUNS)
{
  do
  :: d_step { state[2] == IDLE && generation ->
       state[2] = GENERATION; sameGeneration[2] = 1; age[2] = 0; printf("gateway reads the generation\n") }
  :: d_step { state[2] == GENERATION ->
       state[2] = WAITS; sameTerm[2] = 1; printf("gateway reads the term\n");
#ifndef DROP_WAIT_FROM_TERM
       age[2] = 0
#endif
     }
  /* With a lease of its own. */
#ifdef DROP_GATEWAY_WAIT
#define PAYS(x) state[2] == WAITS
#else
#define PAYS(x) state[2] == WAITS && age[2] >= x
#endif
  :: d_step { PAYS(SHORT) -> hands(SHORT) }
  :: d_step { PAYS(LAPSED) -> hands(LAPSED) }
  :: d_step { state[2] != IDLE -> nothing(2); printf("gateway gives up\n") }
  od
}
#endif
