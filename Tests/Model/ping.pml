/* ping.pml: strict checks of a cached record. May one that comes after the revoke be let in?
 *
 * Each check waits for answers to pings that were sent after it came; then what is cached decides. What is not cached is
 * read. There is no lease, no membership and no time: the revoker exits when it has its reply, which may overtake the
 * invalidation, as the answer to a ping may. Two checks come again and again; a ping serves all that wait when it is sent.
 * -DDROP_… takes one obligation away, -DREACHED_… asks whether the model comes to what it is about; README.md lists them.
 */
#define CHECKS 2
#define PINGS 2               /* on their way at a time */

mtype = { SUBSCRIBE, SUBSCRIBED, PING, LATER_PING, PONG, EARLY_PONG, RECORD,          /* invalidation link */
          READ, ACTIVE, REVOKED }                                                     /* data link */
chan toStoreI = [3] of { mtype };
chan fromStoreI = [5] of { mtype };
chan toStoreD = [1] of { mtype };
chan fromStoreD = [1] of { mtype };

/* ---- The store ---- */
bit good = 1;                 /* the record says that the key is good */
bit subscribed = 0;           /* with tracking on */
bit unsent = 0;               /* the invalidation goes out at the end of the turn; replies may leave before */
bit seen = 0;                 /* the worker has seen a reply of this turn on this link: what it sends now is of a later one */
bit exited = 0;               /* the revoker has its reply */

/* ---- The worker ---- */
mtype = { IDLE, NEEDS_PING, WAITS, NEEDS_SECOND, WAITS_FOR_SECOND, NEEDS_READ, READS };
mtype check[CHECKS] = IDLE;
bit late[CHECKS];             /* it came after the revoker's exit */
byte ahead[CHECKS];           /* answers until that to its ping */
byte pings = 0;
bit standing = 0, cached = 0, reading = 0, uncacheable = 0;

mtype m = 0;                  /* worked with inside one step */
byte i = 0;
inline tidy() { m = 0; i = 0 }

#define ANY(x) (check[0] == x || check[1] == x)

inline connect() {
  do :: nempty(toStoreI) -> toStoreI?_ :: empty(toStoreI) -> break od;
  do :: nempty(fromStoreI) -> fromStoreI?_ :: empty(fromStoreI) -> break od;
  subscribed = 0; seen = 0; pings = 0; standing = 0; uncacheable = reading;
  /* What waits for a ping begins anew; without the link, the record is read. */
  for (i : 0 .. CHECKS - 1) {
    if :: check[i] == WAITS || check[i] == WAITS_FOR_SECOND || check[i] == NEEDS_SECOND -> check[i] = NEEDS_PING; ahead[i] = 0 :: else fi
  }
  toStoreI!SUBSCRIBE
}

inline decide() {
  if
  :: cached ->
       printf("check %d lets the request in, from the cache\n", i);
#ifdef REACHED_RACE
       assert(!(unsent && exited));
#endif
       assert(!late[i]); check[i] = IDLE; late[i] = 0
  :: else -> check[i] = NEEDS_READ
  fi
}

inline takePong() {
  pings--;
  for (i : 0 .. CHECKS - 1) {
    if
    :: ahead[i] > 1 -> ahead[i]--
    :: ahead[i] == 1 ->
         ahead[i] = 0;
#if defined(DROP_SECOND_PING) || defined(ONE_PONG_IN_ORDER)
         decide()
#else
         if :: check[i] == WAITS -> check[i] = NEEDS_SECOND :: else -> decide() fi
#endif
    :: else
    fi
  }
}

inline forget() {
  cached = 0;
#ifndef DROP_RACING
  uncacheable = reading
#endif
}

active proctype Model()
{
  d_step { connect(); tidy() }
  do
  /* ---- The revoker ---- */
  :: d_step { good -> good = 0; unsent = 1; printf("store: the record is revoked\n") }
  :: d_step { unsent ->
       unsent = 0; seen = 0; printf("store: end of turn\n");
       if :: subscribed -> fromStoreI!RECORD :: else fi }
#ifdef ONE_PONG_IN_ORDER
  :: d_step { !good && !unsent && !exited -> exited = 1; printf("revoker has the reply, and exits\n") }
#else
  :: d_step { !good && !exited -> exited = 1; printf("revoker has the reply, and exits\n") }
#endif

  /* ---- The store takes a command ---- */
  :: d_step { nempty(toStoreI) && len(fromStoreI) < 4 && !(unsent && toStoreI?[LATER_PING]) ->
       toStoreI?m;
       if
       :: m == SUBSCRIBE -> subscribed = 1; seen = unsent; fromStoreI!SUBSCRIBED
       :: else -> if :: unsent -> fromStoreI!EARLY_PONG :: else -> fromStoreI!PONG fi
       fi;
       printf("store answers %e\n", m); tidy() }
  :: d_step { nempty(toStoreD) ->
       toStoreD?_; printf("store reads the record: good %d\n", good); if :: good -> fromStoreD!ACTIVE :: else -> fromStoreD!REVOKED fi }

  /* ---- Checks come ---- */
  :: d_step { check[0] == IDLE -> check[0] = (cached && standing -> NEEDS_PING : NEEDS_READ); late[0] = exited; printf("check 0 comes\n") }
  :: d_step { check[1] == IDLE -> check[1] = (cached && standing -> NEEDS_PING : NEEDS_READ); late[1] = exited; printf("check 1 comes\n") }
#ifdef DROP_UNSENT
  :: d_step { check[1] == IDLE && cached && standing && pings > 0 ->
       late[1] = exited; check[1] = WAITS; ahead[1] = pings; printf("check 1 comes, and joins the ping that is on its way\n") }
#endif

  /* ---- The worker sends ---- */
  :: d_step { standing && pings < PINGS && (ANY(NEEDS_PING) || ANY(NEEDS_SECOND)) ->
       pings++;
       for (i : 0 .. CHECKS - 1) {
         if
         :: check[i] == NEEDS_PING -> check[i] = WAITS; ahead[i] = pings
         :: check[i] == NEEDS_SECOND -> check[i] = WAITS_FOR_SECOND; ahead[i] = pings
         :: else
         fi
       }
       if :: seen -> toStoreI!LATER_PING :: else -> toStoreI!PING fi;
       printf("worker sends a ping\n"); tidy() }
  :: d_step { !standing && ANY(NEEDS_PING) ->
       for (i : 0 .. CHECKS - 1) { if :: check[i] == NEEDS_PING -> check[i] = NEEDS_READ :: else fi }
       printf("without the link the record is read\n"); tidy() }
  :: d_step { ANY(NEEDS_READ) && !reading ->
       for (i : 0 .. CHECKS - 1) { if :: check[i] == NEEDS_READ -> check[i] = READS :: else fi }
       reading = 1; uncacheable = !standing; toStoreD!READ; printf("worker reads\n"); tidy() }

  /* ---- The worker takes a message ---- */
  :: d_step { nempty(fromStoreD) ->
       fromStoreD?m; printf("worker's read is answered: %e\n", m);
       for (i : 0 .. CHECKS - 1) {
         if :: check[i] == READS -> assert(!(late[i] && m == ACTIVE)); check[i] = IDLE; late[i] = 0 :: else fi
       }
       if :: m == ACTIVE && !uncacheable -> cached = 1 :: else fi;
       reading = 0; uncacheable = 0; tidy() }
  :: d_step { nempty(fromStoreI) ->
       fromStoreI?m; printf("worker takes %e\n", m);
       if
       :: m == SUBSCRIBED ->
            standing = 1;
#ifndef DROP_FORGET_AT_NEW_LINK
            cached = 0;
#endif
            uncacheable = reading
       :: m == PONG -> takePong()
       :: m == EARLY_PONG -> seen = unsent; takePong()
       :: m == RECORD -> forget()
       fi;
       tidy() }

  /* ---- Links are lost ---- */
  :: d_step { true -> printf("invalidation link is lost\n"); connect(); tidy() }
  :: d_step { reading ->
       printf("data link is lost\n");
       do :: nempty(toStoreD) -> toStoreD?_ :: empty(toStoreD) -> break od;
       do :: nempty(fromStoreD) -> fromStoreD?_ :: empty(fromStoreD) -> break od;
       for (i : 0 .. CHECKS - 1) { if :: check[i] == READS -> check[i] = NEEDS_READ :: else fi }
       reading = 0; uncacheable = 0; tidy() }
  od
}
