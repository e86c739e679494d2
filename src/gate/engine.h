/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker runs on: its loop, its HTTP sides, and the memory that lies on its desk. Apart from worker.h, so that
 * who serves a call need not know how the wire is read. */
#ifndef SL_GATE_ENGINE_H
#define SL_GATE_ENGINE_H

#include "base/buf.h"
#include "http/client.h"
#include "http/server.h"
#include "json/json.h"

struct sl_engine {
    struct sl_loop loop;
    struct sl_hserver server;
    struct sl_hclient client;
    struct sl_json doc, scratch; /* the desk's */
    struct sl_buf text;          /* the desk's */
    struct sl_buf proxy_auth;    /* the client's credential: wiped */
};

#endif
