// Drives bl_stream_rules with a legal stream, then, if asked to, breaks rule `break`.
#include "bench.h"

int main(int argc, char** argv) {
  long rule = option(argc, argv, "break", 0);
  Vtop top;
  Rng rng{1};
  auto step = [&](bool rst, bool valid, bool ready, uint32_t payload) {
    top.rst = rst, top.valid = valid, top.ready = ready, top.payload = payload;
    settle(top);
    tick(top);
  };
  step(true, true, false, 1);
  step(true, false, false, 1);
  step(false, false, false, 1);
  bool waiting = false;
  uint32_t payload = 0;
  for (int i = 0; i < 1000; i++) {
    if (!waiting) payload = uint32_t(rng.range(0, 255));
    bool valid = waiting || rng.chance(50), ready = rng.chance(50);
    step(false, valid, ready, payload);
    waiting = valid && !ready;
  }
  if (waiting) step(false, true, true, payload);
  step(false, true, false, 7);
  if (rule == 1) step(false, false, false, 7);
  if (rule == 2) step(false, true, false, 8);
  if (rule == 3) step(true, true, true, 7), step(false, true, true, 7);
  if (rule == 0) step(false, true, true, 7);
  step(false, false, false, 0);
  top.final();
  std::printf("ok\n");
}
