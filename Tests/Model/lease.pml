/* lease.pml: when revoke returns, does any gateway still let the old key in?
 *
 * One key, one worker that caches it, one store, one revoker; and a pruner, which is the end of somebody else's revoke.
 * Anything between two of them may take any time, and either link may be lost at any moment, any number of times.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 *
 * Time is kept as ages in ticks. An age of LAPSED or more says no more than LAPSED does, so ages stop there: the states
 * are few, and the time is without end. A message that carries a time carries the age of its sending; others carry LAPSED.
 */
#ifndef LEASE
#define LEASE 2
#endif
#ifndef GRACE
#define GRACE 0
#endif
#ifndef IN_FLIGHT
#define IN_FLIGHT 2           /* pings and heartbeats that may be on their way at a time */
#endif
/* Grace counts always here, and not only while the link does not stand: more than a worker does. */
#define LAPSED (LEASE + GRACE)

mtype = { TRACK, SUBSCRIBE, SUBSCRIBED, REFUSED, PING, PONG, INVALIDATE, NONCE,       /* invalidation link */
          READ, ACTIVE, HEARTBEAT, ADDED, THERE }                                     /* data link */

/* ---- The network. Order holds on a link, and nowhere else. ---- */
chan toStoreI = [4] of { mtype, byte };
chan fromStoreI = [6] of { mtype, byte };
chan toStoreD = [4] of { mtype, byte };
chan fromStoreD = [4] of { mtype, byte };

/* ---- The store ---- */
bit good = 1;                 /* the record says that the key is good */
bit tracking = 0;             /* for the invalidation link of now */
bit subscribed = 0;
bit unsent = 0;               /* the invalidation goes out at the end of the server's turn */
bit registered = 0;           /* the worker's field in the registry */
bit straggler = 0;            /* a heartbeat of a lost data link, which may yet arrive; others' arrival does nothing */

#ifdef RESTART
byte uptime = LAPSED;
bit deadI = 0, deadD = 0;     /* links of the server that was; the worker learns of it at any time */
#else
#define deadI 0
#define deadD 0
#endif

/* ---- The worker ---- */
bit standing = 0;             /* the invalidation link is acknowledged */
bit known = 0;                /* a heartbeat was acknowledged */
byte pingAge = LAPSED;        /* of the newest ping that was answered */
byte heartbeatAge = LAPSED;   /* of the newest heartbeat that was acknowledged */
byte pings = 0, heartbeats = 0;    /* on their way */
bit cached = 0;               /* the key is in the cache, as a good one */
bit reading = 0;              /* a read is on its way */
bit uncacheable = 0;          /* its reply is used, and not kept */

/* ---- The revoker ---- */
mtype = { IDLE, LISTED_EARLY, WRITTEN, REPLIED, ASKING, DONE };
mtype revoker = IDLE;
byte replyAge = 0;            /* of the write's reply */
bit listed = 0;               /* the worker was in the registry when the revoker read it */
bit acknowledged = 0;         /* the worker has answered the nonce: at once, as it can only be later */

/* ---- The pruner ---- */
bit pruning = 0;
byte listAge = 0;             /* of its look into the registry, if the field is the same since */

/* Worked with inside one step, and left 0, so that they make no states. */
mtype m = 0;
byte a = 0, n = 0;
inline tidy() { m = 0; a = 0; n = 0 }

#ifdef DROP_FRESH_CLOCK
byte unnoticed = 0;           /* ticks since the worker has looked at its clock */
#endif

#if defined(DROP_REGISTRATION) || defined(DROP_REGISTRATION_LEASE)
#define HEARD 1
#else
#define HEARD (heartbeatAge < LAPSED)
#endif
#ifdef DROP_LEASE
#define TRUSTED (pingAge <= LAPSED)
#else
#define TRUSTED (pingAge < LAPSED && HEARD)
#endif

#if defined(DROP_REGISTRATION) || defined(DROP_REGISTERED_FIRST)
#define MAY_CACHE standing
#elif defined(DROP_READ_AFTER_SUBSCRIBED)
#define MAY_CACHE known
#else
#define MAY_CACHE (standing && known)
#endif

inline older(age) { if :: age < LAPSED -> age++ :: else fi }

inline messagesOlder(link) {
  n = len(link);
  do
  :: n > 0 -> link?m,a; older(a); link!m,a; n--
  :: else -> break
  od
}

inline discard(link) { do :: nempty(link) -> link?_,_ :: empty(link) -> break od }

/* All that was known may be out of date, and so may what is being read. */
inline newSession() { cached = 0; uncacheable = reading }

inline connectI() {
  discard(toStoreI); discard(fromStoreI);
  tracking = 0; subscribed = 0; pings = 0; standing = 0;
#ifdef RESTART
  deadI = 0;
#endif
  toStoreI!TRACK(LAPSED); toStoreI!SUBSCRIBE(LAPSED);
#ifdef DROP_SUBSCRIBED
  standing = 1; newSession()
#endif
}

inline takeSubscribed() {
#ifdef DROP_SUBSCRIBED
  skip
#else
  standing = 1;
# ifndef DROP_FORGET_AT_NEW_LINK
  cached = 0;
# endif
# if !defined(DROP_READ_AFTER_SUBSCRIBED) && !defined(DROP_IN_FLIGHT)
  uncacheable = reading
# else
  skip
# endif
#endif
}

inline takeInvalidation() {
  cached = 0;
#ifndef DROP_RACING
  uncacheable = reading
#endif
}

inline takePong() {
  pings--;
#if defined(DROP_PING_SEND_TIME)
  pingAge = 0
#elif defined(DROP_PAYLOAD)
  /* taken for the newest ping's answer, wherever that ping is */
  pingAge = a; n = len(fromStoreI);
  do :: n > 0 -> fromStoreI?m,a; if :: m == PONG -> pingAge = a :: else fi; fromStoreI!m,a; n-- :: else -> break od;
  n = len(toStoreI);
  do :: n > 0 -> toStoreI?m,a; if :: m == PING -> pingAge = a :: else fi; toStoreI!m,a; n-- :: else -> break od
#else
  pingAge = a
#endif
}

inline takeAcknowledgement() {
  heartbeats--;
#ifndef DROP_REGISTRATION_ACKNOWLEDGED
# if defined(DROP_FORGET_ANEW)
  skip;
# elif defined(DROP_LAPSED_ANEW)
  if :: m == ADDED -> newSession() :: else fi;
# elif defined(DROP_REGISTERED_FIRST)
  if :: known && heartbeatAge == LAPSED -> newSession() :: else fi;
# elif defined(DROP_ADDED_ANEW)
  if :: heartbeatAge == LAPSED -> newSession() :: else fi;
# else
  /* Whoever has lapsed may have been pruned, and the answer that said so may be lost: so ADDED alone is not enough. */
  if :: m == ADDED || heartbeatAge == LAPSED -> newSession() :: else fi;
# endif
# ifdef DROP_HEARTBEAT_SEND_TIME
  heartbeatAge = 0;
# else
  heartbeatAge = a;
# endif
#endif
  known = 1
}

inline takeNonce() {
#ifdef DROP_NONCE_OF_STANDING_LINK
  acknowledged = 1
#else
  /* On a link that is not acknowledged, it says nothing about what came before. */
  acknowledged = (standing || acknowledged)
#endif
}

/* The store runs a heartbeat. A field that changes is not pruned. */
inline register() {
  registered = 1;
#ifndef DROP_UNCHANGED
  pruning = 0; listAge = 0
#endif
}

/* Once the record is revoked and nothing that says otherwise is left, nothing can go wrong any more. */
#define OLD_IS_LEFT (good || cached || fromStoreD??[ACTIVE,_])

active proctype Model() provided (OLD_IS_LEFT)
{
  d_step { connectI() }
  do
  /* ---- Time ---- */
  :: d_step {
       true ->
       messagesOlder(toStoreI); messagesOlder(fromStoreI); messagesOlder(toStoreD); messagesOlder(fromStoreD);
       if :: revoker != IDLE -> older(replyAge) :: else fi;
       if :: pruning -> older(listAge) :: else fi;
#ifdef RESTART
       older(uptime);
#endif
#ifdef DROP_FRESH_CLOCK
       older(unnoticed);
#else
       older(pingAge); older(heartbeatAge);
#endif
       tidy(); printf("a tick passes\n") }
#ifdef DROP_FRESH_CLOCK
  :: d_step {
       unnoticed > 0 ->
       do :: unnoticed > 0 -> older(pingAge); older(heartbeatAge); unnoticed-- :: else -> break od;
       printf("worker looks at its clock\n") }
#endif

  /* ---- The revoker ---- */
#ifdef DROP_LIST_AFTER_WRITE
  :: d_step { revoker == IDLE -> listed = registered; revoker = LISTED_EARLY; printf("revoker reads the registry: %d\n", listed) }
  :: d_step { revoker == LISTED_EARLY ->
#else
  :: d_step { revoker == IDLE ->
#endif
       good = 0; unsent = 1; revoker = WRITTEN; printf("store: the record is revoked\n");
#ifdef DROP_NONCE_AFTER_REPLY
       if :: subscribed -> fromStoreI!NONCE(LAPSED) :: else fi
#endif
     }
  :: d_step { unsent ->
       unsent = 0; printf("store: end of turn\n");
       if :: tracking && subscribed -> fromStoreI!INVALIDATE(LAPSED) :: else fi }
#ifdef DROP_BROADCAST_FIRST
  :: d_step { revoker == WRITTEN ->
#else
  :: d_step { revoker == WRITTEN && !unsent ->
#endif
       revoker = REPLIED; replyAge = 0; printf("revoker has the write's reply\n") }
#ifdef DROP_WAIT_FROM_REPLY
  /* It counts from when it sent the write, which is any time ago. */
  :: d_step { revoker == REPLIED && replyAge == 0 -> replyAge = LAPSED; printf("revoker has waited that long for it\n") }
#endif
  :: d_step { revoker == REPLIED ->
#ifndef DROP_LIST_AFTER_WRITE
       listed = registered; printf("revoker reads the registry: %d\n", listed);
#endif
#ifdef WAITS_AFTER_RESTART
       /* A server this young may have forgotten who was registered. */
       if :: uptime < LAPSED -> listed = 1 :: else fi;
#endif
       if :: listed -> revoker = ASKING :: else -> revoker = DONE; printf("revoker exits: nobody is registered\n") fi }
#ifndef DROP_NONCE_AFTER_REPLY
  /* Again and again, for links that are new. One on its way is enough. */
  :: d_step { revoker == ASKING && subscribed && !fromStoreI??[NONCE,_] ->
       fromStoreI!NONCE(LAPSED); printf("store: nonce published\n") }
#endif
  :: d_step { revoker == ASKING && acknowledged -> revoker = DONE; printf("revoker exits: the worker has answered\n") }
#ifdef DROP_WAIT
  :: d_step { revoker == ASKING -> revoker = DONE; printf("revoker exits: the worker is silent\n") }
#elif defined(DROP_WAIT_GRACE)
  :: d_step { revoker == ASKING && replyAge >= LEASE -> revoker = DONE; printf("revoker exits: lease waited out, without grace\n") }
#elif defined(TIGHT)
  :: d_step { revoker == ASKING && replyAge >= LAPSED - 1 -> revoker = DONE; printf("revoker exits: a tick too early\n") }
#else
  :: d_step { revoker == ASKING && replyAge == LAPSED -> revoker = DONE; printf("revoker exits: waited out\n") }
#endif

  /* ---- The pruner ---- */
  :: d_step { registered && !pruning -> pruning = 1; listAge = 0; printf("pruner reads the registry\n") }
#ifdef DROP_PRUNE_FROM_LIST
  /* It counts from its write's reply, which is any time before. */
  :: d_step { pruning && listAge == 0 -> listAge = LAPSED; printf("pruner's own write was replied to that long ago\n") }
#endif
  :: d_step { pruning && listAge == LAPSED ->
       registered = 0; pruning = 0; listAge = 0; printf("pruner removes the worker's field\n") }

  /* ---- The store takes a command ---- */
  :: d_step { !deadD && nempty(toStoreD) && nfull(fromStoreD) ->
       toStoreD?m,a;
       if
       :: m == READ ->
            printf("store reads the record: good %d\n", good);
            /* That the key is revoked is news that cannot do harm. */
            if :: good -> fromStoreD!ACTIVE(LAPSED) :: else -> reading = 0; uncacheable = 0 fi
       :: m == HEARTBEAT ->
            if :: registered -> fromStoreD!THERE(a) :: else -> fromStoreD!ADDED(a) fi;
            printf("store takes a heartbeat, sent %d ago; the field was there: %d\n", a, registered);
            register()
       fi;
       tidy() }
  :: d_step { straggler -> straggler = 0; register(); printf("store takes the heartbeat of a lost link\n") }
  :: d_step { !deadI && nempty(toStoreI) && nfull(fromStoreI) ->
       toStoreI?m,a;
       if
       :: m == TRACK -> tracking = 1; printf("store: tracking is on\n")
       :: m == SUBSCRIBE -> subscribed = 1; printf("store: subscribed\n");
            if :: tracking -> fromStoreI!SUBSCRIBED(LAPSED) :: else -> fromStoreI!REFUSED(LAPSED) fi
       :: m == PING -> fromStoreI!PONG(a); printf("store answers the ping sent %d ago\n", a)
       fi;
       tidy() }
  :: d_step { !deadI && toStoreI?[TRACK,_] -> toStoreI?TRACK,_; printf("store: tracking is refused\n") }

#ifdef RESTART
  :: d_step { !unsent ->
       printf("the store's server is started anew\n");
       discard(toStoreI); discard(toStoreD);
       deadI = 1; deadD = 1; tracking = 0; subscribed = 0; straggler = 0; uptime = 0;
# ifdef DROP_REGISTRY_LASTS
       registered = 0; pruning = 0; listAge = 0
# endif
     }
#endif

  /* ---- The worker takes a message ---- */
  :: d_step { nempty(fromStoreD) ->
       fromStoreD?m,a;
       if
       :: m == ACTIVE ->
            if :: !uncacheable -> cached = 1 :: else fi;
            printf("worker: the key is active; cached %d\n", cached);
            reading = 0; uncacheable = 0
       :: else -> printf("worker: heartbeat of %d ago is acknowledged, %e\n", a, m); takeAcknowledgement()
       fi;
       tidy() }
  :: d_step { nempty(fromStoreI) ->
       fromStoreI?m,a; printf("worker takes %e\n", m);
       if
       :: m == SUBSCRIBED -> takeSubscribed()
       :: m == REFUSED ->
#ifdef DROP_TRACKING_ACCEPTED
            takeSubscribed()
#else
            skip              /* no use: it is lost sooner or later */
#endif
       :: m == PONG -> takePong()
       :: m == INVALIDATE -> takeInvalidation()
       :: m == NONCE -> takeNonce()
       fi;
       tidy() }
#ifdef DROP_ORDER_OF_PONG
  :: d_step { fromStoreI??[PONG,_] -> fromStoreI??PONG,a; printf("worker takes a PONG ahead of others\n"); takePong(); tidy() }
#endif
#ifdef DROP_ORDER_OF_NONCE
  :: d_step { fromStoreI??[NONCE,_] -> fromStoreI??NONCE,a; printf("worker takes a NONCE ahead of others\n"); takeNonce(); tidy() }
#endif

  /* ---- The worker sends ---- */
  /* Also what is cached, as it may have lapsed. After the revoke a read finds nothing that could do harm. */
  :: d_step { good && !reading && nfull(toStoreD) ->
       reading = 1; uncacheable = !(MAY_CACHE); toStoreD!READ(LAPSED);
       printf("worker reads; may be kept: %d\n", MAY_CACHE) }
#ifndef DROP_REGISTRATION
  :: d_step { heartbeats < IN_FLIGHT && nfull(toStoreD) ->
       heartbeats++; toStoreD!HEARTBEAT(0); printf("worker sends a heartbeat\n");
# ifdef DROP_REGISTRATION_ACKNOWLEDGED
       if :: heartbeatAge == LAPSED -> newSession() :: else fi;
       heartbeatAge = 0; known = 1
# endif
     }
#endif
  :: d_step { standing && pings < IN_FLIGHT && nfull(toStoreI) -> pings++; toStoreI!PING(0); printf("worker sends a ping\n") }

  /* ---- Links are lost, or given up; messages go missing from the end, as the server's side may be gone before ---- */
  :: d_step { true ->
       printf("invalidation link is lost\n");
#ifndef DROP_IN_FLIGHT
       uncacheable = reading;
#endif
       connectI() }
  :: d_step { true ->
       printf("data link is lost\n");
       straggler = (straggler || toStoreD??[HEARTBEAT,_]);
       discard(toStoreD); discard(fromStoreD);
#ifdef RESTART
       deadD = 0;
#endif
       heartbeats = 0; reading = 0; uncacheable = 0 }

  /* ---- A request comes ---- */
#if defined(REACHED_ASKING)
  :: cached && TRUSTED && revoker == ASKING -> assert(false)
#elif defined(REACHED_GRACE)
  :: cached && TRUSTED && !standing && pingAge >= LEASE && revoker == ASKING -> assert(false)
#elif defined(REACHED_ANSWER)
  :: reading && revoker == DONE && acknowledged -> assert(false)
#elif defined(REACHED_PRUNED)
  :: cached && known && !registered -> assert(false)
#endif
  :: cached && TRUSTED && revoker == DONE ->
       printf("a request is let in from the cache\n");
       assert(false)
#ifdef DROP_UNSENT
  :: reading && revoker == DONE && fromStoreD??[ACTIVE,_] ->
       printf("a request joins the read that is on its way, and is let in\n");
       assert(false)
#endif
  od
}
