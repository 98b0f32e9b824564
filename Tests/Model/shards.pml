/* shards.pml: a shard of a Redis Cluster has another primary. Is anybody let in at one that no longer is?
 *
 * Three shards, each with a first primary and a replica that may be elected. The key's record is in shard 0. An election needs
 * the votes of the primaries of the other two shards. Each server knows of elections on its own. A server may be cut off from
 * the others at any time, for good: it neither votes nor learns then. The worker reaches all of them, and does not know of any
 * election: it takes the first primary of shard 0 for the primary as long as others say so. Who holds a slot of shard 0
 * is asked of the primaries of the other shards, old or new: one that does not hold the slot says who does, in its view.
 * One revoker, and others that hand the term of shard 0 over, which has the membership list, too. Up to ELECTIONS elections.
 *
 * Order and loss on a link are lease.pml's business, how a list lacks entries is terms.pml's, moved slots are slots.pml's.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#ifndef LAPSED
#define LAPSED 1              /* lease + grace, in ticks; ages stop there, so time is without end */
#endif
#ifndef ELECTIONS
#define ELECTIONS 2
#endif
#if defined(DROP_ATTESTED)
#define WITNESSES 0
#elif defined(ONE_WITNESS)
#define WITNESSES 1
#else
#define WITNESSES 2           /* other shards whose primaries have to name the worker's primary */
#endif
#if defined(DROP_VOTE)
#define VOTES 0
#elif defined(ONE_VOTE)
#define VOTES 1
#else
#define VOTES 2               /* the same for the revoker, and for a hand-over */
#endif

/* ---- The servers: 2 * shard, and 1 more for the replica ---- */
bit elected[3];               /* the replica of a shard is its primary */
bit knows[6];                 /* that the replica of shard 0 was elected */
bit cut[6];

#define MORE (elected[0] + elected[1] + elected[2] < ELECTIONS)
#define VOTING(s) (!cut[2 * s + elected[s]])
/* A primary that is cut off, or has not heard, goes on. */
#define LEADS(n) ((n & 1) == 0 || elected[n / 2])

/* ---- The worker ---- */
byte asked[6] = LAPSED;       /* since it asked a server that named the first primary of shard 0 */
#ifdef DROP_SENT
bit answered[6];              /* an answer that is on its way */
#endif
#define NAMED_BY(s) (asked[2 * s] < LAPSED || asked[2 * s + 1] < LAPSED)
#define TRUSTED (NAMED_BY(1) + NAMED_BY(2) >= WITNESSES)

/* ---- Executables ---- */
mtype = { IDLE, WRITTEN, WAITS, EXITED };
mtype revoker = IDLE;
bit voted[3];                 /* a primary of that shard has named the elected one */
byte waitAge = 0;             /* since the list was read, or since the votes */
bit handed = 0;               /* the term of the elected primary is handed over */
bit missed = 0;               /* the list there lacks the worker: what a replica had not got is lost */
mtype handover = IDLE;
bit told[3];
byte handoverAge = 0;

inline older(x) { if :: x < LAPSED -> x++ :: else fi }
inline learns(n) { knows[n] = 1; printf("server %d knows of the election in shard 0\n", n) }
inline asks(n) {
#ifdef DROP_SENT
  answered[n] = 1;
#else
  asked[n] = 0;
#endif
  printf("worker asks server %d, which names the first primary\n", n)
}
/* By the map of any server: it may name a former primary. */
#ifdef MAP_OF_ANY
#define SAYS(s) (knows[2 * s] || (elected[s] && knows[2 * s + 1]))
#else
#define SAYS(s) (knows[2 * s + elected[s]])
#endif

active proctype Model()
{
  do
  :: d_step {
       true ->
       older(asked[2]); older(asked[3]); older(asked[4]); older(asked[5]);
       if :: revoker == WAITS -> older(waitAge) :: else fi;
       if :: handover == WAITS -> older(handoverAge) :: else fi;
       printf("a tick passes\n") }

  /* ---- Servers ---- */
  :: d_step { !cut[0] -> cut[0] = 1; printf("server 0 is cut off\n") }
  :: d_step { !cut[1] -> cut[1] = 1; printf("server 1 is cut off\n") }
  :: d_step { !cut[2] -> cut[2] = 1; printf("server 2 is cut off\n") }
  :: d_step { !cut[3] -> cut[3] = 1; printf("server 3 is cut off\n") }
  :: d_step { !cut[4] -> cut[4] = 1; printf("server 4 is cut off\n") }
  :: d_step { !cut[5] -> cut[5] = 1; printf("server 5 is cut off\n") }
  :: d_step { MORE && !elected[0] && !cut[1] && VOTING(1) && VOTING(2) ->
       elected[0] = 1; knows[1] = 1; printf("the replica of shard 0 is elected\n") }
  :: d_step { MORE && !elected[0] && !cut[1] && VOTING(1) && VOTING(2) ->
       elected[0] = 1; knows[1] = 1; missed = 1; printf("the replica of shard 0 is elected, and does not know the worker\n") }
  :: d_step { MORE && !elected[1] && !cut[3] && VOTING(0) && VOTING(2) -> elected[1] = 1; printf("the replica of shard 1 is elected\n") }
  :: d_step { MORE && !elected[2] && !cut[5] && VOTING(0) && VOTING(1) -> elected[2] = 1; printf("the replica of shard 2 is elected\n") }
  :: d_step { elected[0] && !cut[1] && !cut[2] && !knows[2] -> learns(2) }
  :: d_step { elected[0] && !cut[1] && !cut[3] && !knows[3] -> learns(3) }
  :: d_step { elected[0] && !cut[1] && !cut[4] && !knows[4] -> learns(4) }
  :: d_step { elected[0] && !cut[1] && !cut[5] && !knows[5] -> learns(5) }

  /* ---- The worker ---- */
  :: d_step { !knows[2] && asked[2] > 0 -> asks(2) }
  :: d_step { !knows[3] && asked[3] > 0 && LEADS(3) -> asks(3) }
  :: d_step { !knows[4] && asked[4] > 0 -> asks(4) }
  :: d_step { !knows[5] && asked[5] > 0 && LEADS(5) -> asks(5) }
#ifdef DROP_SENT
  :: d_step { answered[2] -> answered[2] = 0; asked[2] = 0; printf("the answer of server 2 arrives\n") }
  :: d_step { answered[3] -> answered[3] = 0; asked[3] = 0; printf("the answer of server 3 arrives\n") }
  :: d_step { answered[4] -> answered[4] = 0; asked[4] = 0; printf("the answer of server 4 arrives\n") }
  :: d_step { answered[5] -> answered[5] = 0; asked[5] = 0; printf("the answer of server 5 arrives\n") }
#endif

  /* ---- Others hand the term over ---- */
  :: d_step { handover == IDLE && elected[0] && !handed -> handover = WRITTEN; printf("another finds that the term is to be handed over\n") }
  :: d_step { handover == WRITTEN && !told[1] && SAYS(1) -> told[1] = 1; printf("shard 1 tells the other of the election\n") }
  :: d_step { handover == WRITTEN && !told[2] && SAYS(2) -> told[2] = 1; printf("shard 2 tells the other of the election\n") }
  :: d_step { handover == WRITTEN && told[1] + told[2] >= VOTES -> handover = WAITS; told[1] = 0; told[2] = 0; handoverAge = 0 }
#ifdef DROP_HAND_OVER_WAIT
  :: d_step { handover == WAITS -> handed = 1; handover = EXITED; handoverAge = 0; printf("the term is handed over\n") }
#else
  :: d_step { handover == WAITS && handoverAge == LAPSED -> handed = 1; handover = EXITED; handoverAge = 0; printf("the term is handed over\n") }
#endif

  /* ---- The revoker. The worker hears nothing of it: it has no link to the elected primary. ---- */
  :: d_step { revoker == IDLE && elected[0] && !cut[1] -> revoker = WRITTEN; printf("the record is revoked at the elected primary\n") }
  :: d_step { revoker == WRITTEN && handed && !missed -> revoker = WAITS; voted[1] = 0; voted[2] = 0; waitAge = 0; printf("the term is known, and the worker is silent\n") }
  :: d_step { revoker == WRITTEN && handed && missed -> revoker = EXITED; voted[1] = 0; voted[2] = 0; printf("revoker exits: the term is known, and so are all workers\n") }
  :: d_step { revoker == WRITTEN && !voted[1] && SAYS(1) -> voted[1] = 1; printf("shard 1 tells the revoker of the election\n") }
  :: d_step { revoker == WRITTEN && !voted[2] && SAYS(2) -> voted[2] = 1; printf("shard 2 tells the revoker of the election\n") }
  :: d_step { revoker == WRITTEN && voted[1] + voted[2] >= VOTES -> revoker = WAITS; voted[1] = 0; voted[2] = 0; waitAge = 0; printf("revoker begins to wait\n") }
#ifdef DROP_WAIT
  :: d_step { revoker == WAITS -> revoker = EXITED; waitAge = 0; printf("revoker exits\n") }
#else
  :: d_step { revoker == WAITS && waitAge == LAPSED -> revoker = EXITED; waitAge = 0; printf("revoker exits\n") }
#endif

  /* ---- A request that comes after the exit: the first primary, and what was cached there, says that the key is good ---- */
#if defined(REACHED_TWO)
  :: revoker == EXITED && elected[1] -> assert(false)
#elif defined(REACHED_HANDED)
  :: revoker == EXITED && missed && handed -> assert(false)
#elif defined(REACHED_FORMER)
  :: revoker == WAITS && TRUSTED && NAMED_BY(1) && elected[1] -> assert(false)
#else
  :: revoker == EXITED && TRUSTED -> printf("a request is let in\n"); assert(false)
#endif
  od
}
