/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that a worker owns: its loop, its HTTP server and client, and the memory for its desk. They are not in
 * worker.h, so that code that serves a call need not include the HTTP layer. */
#ifndef SL_GATE_ENGINE_H
#define SL_GATE_ENGINE_H

#include "base/buf.h"
#include "http/client.h"
#include "http/server.h"
#include "json/json.h"
#include "log/ident.h"

struct sl_engine {
    struct sl_loop loop;
    struct sl_hserver server;
    struct sl_hclient client;
    struct sl_json doc, scratch;   /* used through the desk */
    struct sl_buf text;            /* used through the desk */
    struct sl_buf proxy_auth;      /* the client's credential, which is wiped */
    struct sl_ident_source idents; /* used through the worker */
};

#endif
