// bl_scoreboard: which changes are under way between a gate and the stage in which they are made.
//
// Function    One entry for each packet that has passed the gate and may still change what `push_key` names; the first to
//             come is the first to go. `blocked` is 1 if the packet at the head of the gate reads what an entry names, if
//             it must be alone and is not, or if there is no room for a further entry.
// Latency     An entry counts from the cycle after `push` up to that before `pop`: the change of a packet that is popped is
//             forwarded by the memory.
// Throughput  One push and one pop per cycle, also of a full scoreboard.
// Cuts        `push*` to everything. Not cut: `pop`, `read*` and `alone` to `blocked`.
//
// A packet without `push_valid` changes nothing that can be read, but has an entry. An entry with `push_all` (a host token) stands for
// everything: who comes behind it waits. Do not push while `blocked`, do not pop what was not pushed before this cycle.
`default_nettype none

module bl_scoreboard #(
    parameter int WIDTH     = 8,  // bits of a key or slot
    parameter int DEPTH     = 4,  // entries, at least 1
    parameter int NUM_READS = 1   // keys that a packet reads, at least 1
) (
    input  wire logic                       clk,
    input  wire logic                       rst,
    // The head of the gate.
    input  wire logic [NUM_READS-1:0]       read_valid,
    input  wire logic [NUM_READS*WIDTH-1:0] read_key,
    input  wire logic                       alone,       // it waits for all that are under way
    output logic                            blocked,
    // It moves on and may make a change.
    input  wire logic                       push,
    input  wire logic                       push_all,
    input  wire logic                       push_valid,
    input  wire logic [WIDTH-1:0]           push_key,
    // The oldest entry's packet is in the stage of the change and moves on.
    input  wire logic                       pop
);
  if (WIDTH < 1 || DEPTH < 1 || NUM_READS < 1) begin : gen_check
    $error("bl_scoreboard: WIDTH, DEPTH and NUM_READS must be at least 1");
  end

  logic [DEPTH-1:0] used_q;    // by entry: somebody is under way
  logic [DEPTH-1:0] all_q;     // by entry: a change of everything
  logic [DEPTH-1:0] valid_q;   // by entry: a change of `key_q`
  logic [DEPTH-1:0] newest_q;  // one-hot: the entry that the next push takes
  logic [DEPTH-1:0] oldest_q;  // one-hot: the entry that the next pop frees
  logic [DEPTH-1:0] live;      // by entry: still counts in this cycle
  logic [DEPTH-1:0] match;     // by entry: the head reads what it names

  assign live    = used_q & ~(oldest_q & {DEPTH{pop}});
  assign blocked = |(live & match) || (alone && |live) || &live;

  for (genvar e = 0; e < DEPTH; e++) begin : gen_entry
    logic [WIDTH-1:0]     key_q;
    logic [NUM_READS-1:0] same;

    always_ff @(posedge clk) begin
      if (push && newest_q[e]) begin
        key_q      <= push_key;
        all_q[e]   <= push_all;
        valid_q[e] <= push_valid;
      end
    end

    for (genvar r = 0; r < NUM_READS; r++) begin : gen_read
      assign same[r] = read_valid[r] && read_key[r*WIDTH+:WIDTH] == key_q;
    end
    assign match[e] = all_q[e] || (valid_q[e] && |same);
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      used_q   <= '0;
      newest_q <= DEPTH'(1);
      oldest_q <= DEPTH'(1);
    end else begin
      used_q <= live | (newest_q & {DEPTH{push}});
      if (push) newest_q <= newest_q << 1 | newest_q >> (DEPTH - 1);
      if (pop) oldest_q <= oldest_q << 1 | oldest_q >> (DEPTH - 1);
    end
  end
endmodule

`default_nettype wire
