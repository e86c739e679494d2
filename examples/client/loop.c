/* SPDX-License-Identifier: Apache-2.0 */
/* Several streams on a libuv loop, with a clock beside them. usage: loop ROUTE JSON… */
#include <sluice/client.h>
#include <sluice/uv.h>

#include <stdio.h>

struct program {
    sluice_uv *uv;
    uv_timer_t clock;
    int left;
    int ticks;
    int failed;
};

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    (void)arg;
    (void)call;
    printf("%.*s\n", (int)len, text);
    return 0;
}

static void on_end(void *arg, sluice_call *call, int code)
{
    struct program *program = arg;
    sluice_error *err = NULL;
    (void)code;
    if (sluice_finish(call, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", sluice_error_text(err));
        program->failed = 1;
    }
    sluice_error_free(err);
    program->left--;
}

static void on_clock(uv_timer_t *clock)
{
    struct program *program = clock->data;
    program->ticks++;
    /* Detach here, in a callback of the loop: a callback of the client must not do it. */
    if (program->left == 0) {
        uv_close((uv_handle_t *)clock, NULL);
        sluice_uv_detach(program->uv);
    }
}

int main(int argc, char **argv)
{
    struct program program = { NULL, { 0 }, 0, 0, 0 };
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    uv_loop_t loop;
    int r, i;

    if (argc < 3) {
        fprintf(stderr, "usage: loop ROUTE JSON...\n");
        return 2;
    }
    uv_loop_init(&loop);
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        callbacks.on_text = on_text;
        callbacks.on_end = on_end;
        program.uv = sluice_uv_attach(client, &loop);
        uv_timer_init(&loop, &program.clock);
        program.clock.data = &program;
        uv_timer_start(&program.clock, on_clock, 10, 10);
    }
    for (i = 2; i < argc && r == 0; i++) {
        sluice_request *request = NULL;
        sluice_call *call;
        r = sluice_request_query(client, argv[1], argv[i], SLUICE_NUL_TERMINATED, 1, &request, &err);
        if (r == 0) {
            r = sluice_start_stream(client, request, &callbacks, &program, &call, &err);
        }
        program.left += r == 0;
        sluice_request_free(request);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_close(client);
    return r == 0 && !program.failed ? 0 : 1;
}
