// The usual home-made service: the key in, SHA-256, GET from Redis, 200 and whose it is, or 401.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/gomodule/redigo/redis"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "")
	path := flag.String("redis", "/run/redis.sock", "")
	flag.Parse()
	pool := &redis.Pool{
		MaxIdle: 128, IdleTimeout: 5 * time.Minute,
		Dial: func() (redis.Conn, error) { return redis.Dial("unix", *path) },
	}
	http.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-API-Key")
		if key == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		sum := sha256.Sum256([]byte(key))
		c := pool.Get()
		organization, err := redis.String(c.Do("GET", "apikey:"+hex.EncodeToString(sum[:])))
		c.Close()
		switch {
		case err == redis.ErrNil:
			w.WriteHeader(http.StatusUnauthorized)
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.Header().Set("X-Organization", organization)
			w.WriteHeader(http.StatusOK)
		}
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}
