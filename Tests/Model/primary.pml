/* primary.pml: Sentinel names another primary. Is anybody let in at one that no longer is?
 *
 * Two servers, A and B, take turns as the primary: A in term 1, B in term 2, A again in term 3. A term begins before any
 * sentinel says so, as in an ordered failover. The former primary serves on, and everybody reaches it, until it is told to
 * follow; or for ever. What its replica lacks is lost. Three sentinels each know the newest term that they have heard of:
 * it is their configuration epoch. One worker, one revoker, and others that hand terms over.
 *
 * Order and loss on a link are lease.pml's business: here the worker hears at once what its server hears. So is asking:
 * an answer that is late gives a lease that ends earlier. How an entry vanishes within a term is terms.pml's.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 1              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#ifdef DROP_MAJORITY
#define MAJORITY 1
#else
#define MAJORITY 2
#endif
#define A 0
#define B 1

/* ---- The servers ---- */
byte term = 1;                /* the newest */
bit follows = 0;              /* A has been told to follow B */
bit good[2] = 1;              /* the record says that the key is good */
bit entry[2];                 /* the worker's, in the membership list */
bit handed[4];                /* the list of that term's primary has its field */

#define HOLDER(t) (t == 2 -> B : A)
#define SERVES(n) (n == A || term >= 2)
#define TERM_OF(n) (n == B -> 2 : (term == 3 -> 3 : 1))
/* It takes writes. */
#define LEADS(n) (n == B -> term >= 2 : (!follows || term == 3))

/* ---- The sentinels ---- */
byte says[3] = 1;             /* a term, and with it a primary */
#define NAMES(i, n) (HOLDER(says[i]) == n)
#ifdef DROP_EPOCH
#define NAMED_TERM(t) ((NAMES(0, HOLDER(t)) + NAMES(1, HOLDER(t)) + NAMES(2, HOLDER(t))) >= MAJORITY)
#else
#define NAMED_TERM(t) (((says[0] == t) + (says[1] == t) + (says[2] == t)) >= MAJORITY)
#endif
#define NAMED(n) ((NAMES(0, n) + NAMES(1, n) + NAMES(2, n)) >= MAJORITY)

/* ---- The worker ---- */
bit at = A;                   /* the server that it uses */
bit member = 0, cached = 0;
byte entryAge = LAPSED;       /* since it found its entry */
byte asked[3] = LAPSED;       /* since it asked a sentinel that named the server */
byte kept = LAPSED;           /* what was cached at another server: since when */
#ifdef DROP_SENT
bit answered[3];              /* an answer that is on its way */
#endif

/* ---- Executables ---- */
mtype = { IDLE, WRITTEN, WAITS, CONFIRMED, EXITED, FAILED };
mtype revoker = IDLE;
byte place = 0;               /* the term in which its change was made */
bit listed, known, acknowledged, voted;
byte readAge = 0;             /* since it has read the list */
byte votedAge = 0;            /* since a majority has named the primary of this term */
byte handover = 0;            /* the term that another hands over, after its wait */
byte handoverAge = 0;

inline older(x) { if :: x < LAPSED -> x++ :: else fi }
inline hears(n) { if :: at == n && member -> cached = 0 :: else fi }

#ifdef DROP_ATTESTED
#define ATTESTED 1
#else
#define ATTESTED (((asked[0] < LAPSED) + (asked[1] < LAPSED) + (asked[2] < LAPSED)) >= MAJORITY)
#endif
#ifdef DROP_FENCE
#define READABLE 1
#else
#define READABLE ATTESTED
#endif
#define TRUSTED (cached && ((member && entryAge < LAPSED && ATTESTED) || kept < LAPSED))
/* By others, before they wait. */
#if defined(DROP_VOTE)
#define FOUND(t) 1
#elif defined(ADDRESS_ALONE)
#define FOUND(t) NAMED(HOLDER(t))
#elif defined(ADDRESSES_OF_ALL)
#define FOUND(t) (NAMES(0, HOLDER(t)) && NAMES(1, HOLDER(t)) && NAMES(2, HOLDER(t)))
#else
#define FOUND(t) NAMED_TERM(t)
#endif
#define EXITS (revoker == EXITED)

/* As long as it would still be trusted here. */
inline keeps() {
#ifdef DROP_KEPT
  kept = 0;
#else
  if
  :: TRUSTED && kept == LAPSED ->
       kept = 0;
       do
       :: kept < LAPSED && (kept < entryAge ||
            ((asked[0] <= kept) + (asked[1] <= kept) + (asked[2] <= kept)) < MAJORITY) -> kept++
       :: else -> break
       od
  :: else
  fi;
#endif
  skip
}
inline moves(n) {
  keeps();
  at = n; member = 0; entryAge = LAPSED; asked[0] = LAPSED; asked[1] = LAPSED; asked[2] = LAPSED;
  if :: kept == LAPSED -> cached = 0 :: else fi;
  printf("worker turns to %d; it keeps its cache: %d\n", n, cached)
}
inline asks(i) {
#ifdef DROP_SENT
  answered[i] = 1;
#else
  asked[i] = 0;
#endif
  printf("worker asks sentinel %d, which names its server\n", i)
}
inline reads() {
  listed = entry[HOLDER(place)]; acknowledged = 0; voted = 0; readAge = 0; votedAge = 0;
  known = handed[place];
  revoker = WAITS;
  printf("revoker reads the list: entry %d, term known %d\n", listed, known)
}

/* The replica has acknowledged, while it was one. A server that no longer follows need not. */
#ifdef DROP_COPIES
#define HELD 1
#else
#define HELD ((place == 1 && term == 1 && !good[B]) || (place == 2 && (!follows || !good[A])) || place == 3)
#endif
#ifdef DROP_TERM
#define WHOLE 1
#else
#define WHOLE (known || (voted && votedAge >= LAPSED))
#endif

active proctype Model() provided (revoker != FAILED)
{
  d_step { handed[1] = 1 }
  do
  :: d_step {
       true ->
       older(entryAge); older(asked[0]); older(asked[1]); older(asked[2]); older(kept);
       if :: revoker == WAITS -> older(readAge); if :: voted -> older(votedAge) :: else fi :: else fi;
       if :: handover -> older(handoverAge) :: else fi;
       if :: kept == LAPSED && !member -> cached = 0 :: else fi;
       printf("a tick passes\n") }

  /* ---- Servers ---- */
  :: d_step { term == 1 && (entry[B] != entry[A] || good[B] != good[A]) ->
       entry[B] = entry[A]; good[B] = good[A]; printf("B has what A has\n") }
  :: d_step { term == 1 -> term = 2; printf("B is promoted\n") }
  :: d_step { !follows && term == 2 && (says[0] == 2 || says[1] == 2 || says[2] == 2) ->
       follows = 1; entry[A] = entry[B]; good[A] = good[B];
       if :: !good[A] -> hears(A) :: else fi;
       printf("A follows B, and has what B has\n") }
  :: d_step { follows && term == 2 && (entry[A] != entry[B] || good[A] != good[B]) ->
       entry[A] = entry[B]; good[A] = good[B];
       if :: !good[A] -> hears(A) :: else fi;
       printf("A has what B has\n") }
  /* The sentinel that conducts it has the vote of another. */
  :: d_step { follows && term == 2 && ((says[0] == 2) + (says[1] == 2) + (says[2] == 2)) >= 2 ->
       term = 3; printf("A is promoted\n") }
  /* Before anybody has told it to follow: its replication ID stays. A change that is waited for at B is held here. */
  :: d_step { !follows && term == 2 && ((says[0] == 2) + (says[1] == 2) + (says[2] == 2)) >= 2 &&
       (place != 2 || revoker == WRITTEN || !good[A]) ->
       term = 3; follows = 1;
#ifdef DROP_EPOCH_OF_TERM
       handed[3] = handed[1];
#endif
       printf("A is named again, and has never followed\n") }

  /* ---- Sentinels ---- */
  :: d_step { says[0] < term -> says[0]++; printf("sentinel 0 names the primary of term %d\n", says[0]) }
  :: d_step { says[1] < term -> says[1]++; printf("sentinel 1 names the primary of term %d\n", says[1]) }
  :: d_step { says[2] < term -> says[2]++; printf("sentinel 2 names the primary of term %d\n", says[2]) }
  :: d_step { says[0] == 1 && term == 3 -> says[0] = 3; printf("sentinel 0 names the primary of term 3\n") }
  :: d_step { says[1] == 1 && term == 3 -> says[1] = 3; printf("sentinel 1 names the primary of term 3\n") }
  :: d_step { says[2] == 1 && term == 3 -> says[2] = 3; printf("sentinel 2 names the primary of term 3\n") }

  /* ---- The worker ---- */
  :: d_step { SERVES(1 - at) && NAMED((1 - at)) -> moves(1 - at) }
  :: d_step { asked[0] > 0 && NAMES(0, at) -> asks(0) }
  :: d_step { asked[1] > 0 && NAMES(1, at) -> asks(1) }
  :: d_step { asked[2] > 0 && NAMES(2, at) -> asks(2) }
#ifdef DROP_SENT
  :: d_step { answered[0] -> answered[0] = 0; asked[0] = 0; printf("the answer of sentinel 0 arrives\n") }
  :: d_step { answered[1] -> answered[1] = 0; asked[1] = 0; printf("the answer of sentinel 1 arrives\n") }
  :: d_step { answered[2] -> answered[2] = 0; asked[2] = 0; printf("the answer of sentinel 2 arrives\n") }
#endif
  :: d_step { !member && LEADS(at) ->
       member = 1; entry[at] = 1; entryAge = 0; cached = 0; kept = LAPSED; printf("worker joins at %d\n", at) }
  :: d_step { member && entry[at] && entryAge > 0 -> entryAge = 0; printf("worker finds its entry\n") }
  :: d_step { member && !entry[at] -> member = 0; cached = 0; entryAge = LAPSED; printf("worker misses its entry\n") }
  :: d_step { member && !cached && good[at] -> cached = 1; printf("worker caches the key, which is good\n") }

  /* ---- Others hand terms over ---- */
  :: d_step { !handover && term >= 2 && !handed[2] && FOUND(2) ->
       handover = 2; handoverAge = 0; printf("another finds that term 2 is to be handed over\n") }
  :: d_step { !handover && term == 3 && !handed[3] && FOUND(3) ->
       handover = 3; handoverAge = 0; printf("another finds that term 3 is to be handed over\n") }
  :: d_step { handover && handoverAge == LAPSED ->
       handed[handover] = 1; printf("term %d is handed over\n", handover); handover = 0; handoverAge = 0 }

  /* ---- The revoker ---- */
  :: d_step { revoker == IDLE && LEADS(A) ->
       revoker = WRITTEN; place = TERM_OF(A); good[A] = 0; hears(A); printf("A: the record is revoked, in term %d\n", place) }
  :: d_step { revoker == IDLE && LEADS(B) ->
       revoker = WRITTEN; place = 2; good[B] = 0; hears(B); printf("B: the record is revoked\n") }
  :: d_step { revoker == WRITTEN && TERM_OF(HOLDER(place)) == place && HELD -> reads() }
#ifdef DROP_VOTE
  :: d_step { revoker == WAITS && !known && !voted -> voted = 1; votedAge = readAge }
#else
  :: d_step { revoker == WAITS && !known && !voted && NAMED_TERM(place) -> voted = 1; votedAge = 0; printf("a majority names the primary of term %d\n", place) }
#endif
  :: d_step { revoker == WAITS && at == HOLDER(place) && member && !acknowledged && LEADS(at) ->
       acknowledged = 1; cached = 0; printf("worker acknowledges\n") }
  :: d_step { revoker == WAITS && (!listed || acknowledged || readAge == LAPSED) && WHOLE ->
       revoker = CONFIRMED; listed = 0; known = 0; acknowledged = 0; voted = 0; readAge = 0; votedAge = 0; printf("revoker has waited\n") }
  /* It finds the primary anew, and reads the record there. */
#ifdef DROP_FOUND_ANEW
  :: d_step { revoker == CONFIRMED && !good[HOLDER(place)] -> revoker = EXITED; printf("revoker exits\n") }
#else
  :: d_step { revoker == CONFIRMED && NAMED_TERM(place) && !good[HOLDER(place)] -> revoker = EXITED; printf("revoker exits\n") }
#endif
  :: d_step { (revoker == CONFIRMED || revoker == WRITTEN) && place < 2 && term >= 2 && NAMED_TERM(2) ->
       if :: !good[B] -> revoker = WRITTEN; place = 2; printf("revoker finds its change at B\n") :: else -> revoker = FAILED fi }
  :: d_step { (revoker == CONFIRMED || revoker == WRITTEN) && place < 3 && term == 3 && NAMED_TERM(3) ->
       if :: !good[A] -> revoker = WRITTEN; place = 3; printf("revoker finds its change at A\n") :: else -> revoker = FAILED fi }

  /* ---- A request that comes after the exit ---- */
#if defined(REACHED_HANDED)
  :: EXITS && place >= 2 && term == place && at != HOLDER(place) && SERVES(at) && good[at] -> assert(false)
#elif defined(REACHED_WAITED)
  :: revoker == WAITS && voted && TRUSTED && at != HOLDER(place) && !listed -> assert(false)
#elif defined(REACHED_AGAIN)
  :: EXITS && place == 3 -> assert(false)
#elif defined(REACHED_KEPT)
  :: cached && !member && at == B && good[B] && !good[A] -> assert(false)
#else
  :: EXITS && TRUSTED -> printf("a request is let in from the cache\n"); assert(false)
  :: EXITS && READABLE && good[at] -> printf("a request is let in by a read\n"); assert(false)
#endif
  od
}
