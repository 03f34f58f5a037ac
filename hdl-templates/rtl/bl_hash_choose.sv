// bl_hash_choose: where a new key goes among its candidate places.
//
// Function    If a candidate is free: the lowest free way of the bucket with the fewest keys, of equal ones that of the lowest bank.
//             In an LRU table that is full, or if no candidate is free: PICKS different keys, in the order in which they are given up, those without
//             reference mark first, each sort ascending by number; then, if there are no more keys, the free place. Candidate number: {bank, way}.
// Latency     None: combinational.
// Throughput  One choice per cycle.
// Cuts        Nothing.
`default_nettype none

module bl_hash_choose #(
    parameter int BANKS = 4,  // buckets that are looked at
    parameter int WAYS  = 4,  // places of a bucket
    parameter int PICKS = 1,  // candidates to name
    parameter bit LRU   = 0,  // 1: a full set of candidates gives one up
    parameter int CANDS = BANKS * WAYS,    // derived: leave alone
    parameter int CAND_W = $clog2(CANDS)   // derived: leave alone
) (
    input  wire logic [CANDS-1:0]        used,    // the candidate holds a key
    input  wire logic [CANDS-1:0]        marked,  // LRU: it has its reference mark
    input  wire logic                    full,    // LRU: the table has all the keys that it may have
    output logic                         room,    // there is a place
    output logic      [PICKS*CAND_W-1:0] pick,
    output logic      [PICKS-1:0]        evict,   // the pick holds a key
    output logic      [PICKS-1:0]        aged     // and had its mark
);
  if (BANKS < 2 || WAYS < 1 || PICKS < 1 || PICKS > CANDS) begin : gen_check
    $error("bl_hash_choose: BANKS must be at least 2, WAYS and PICKS at least 1");
  end

  localparam int LOAD_W = $clog2(WAYS + 1);

  // {fewest keys in a bucket, the place there}
  function automatic logic [LOAD_W+CAND_W-1:0] least_loaded(input logic [CANDS-1:0] taken);
    logic [LOAD_W-1:0] least, load;
    logic [CAND_W-1:0] place, way;
    least = LOAD_W'(WAYS);
    place = '0;
    for (int b = 0; b < BANKS; b++) begin
      load = '0;
      way  = '0;
      for (int w = WAYS - 1; w >= 0; w--) begin
        load = load + LOAD_W'(taken[b*WAYS+w]);
        if (!taken[b*WAYS+w]) way = CAND_W'(b * WAYS + w);
      end
      if (load < least) begin
        least = load;
        place = way;
      end
    end
    least_loaded = {least, place};
  endfunction

  // The number of the lowest bit that is set.
  function automatic logic [CAND_W-1:0] lowest(input logic [CANDS-1:0] set);
    lowest = '0;
    for (int c = CANDS - 1; c >= 0; c--) if (set[c]) lowest = CAND_W'(c);
  endfunction

  logic [LOAD_W-1:0] load;
  logic [CAND_W-1:0] place;

  assign {load, place} = least_loaded(used);

  if (LRU) begin : gen_lru
    logic replace;

    assign replace = full || load == LOAD_W'(WAYS);
    assign room    = 1'b1;

    for (genvar p = 0; p < PICKS; p++) begin : gen_pick
      logic [CANDS-1:0]  keys;    // not named yet
      logic [CAND_W-1:0] oldest;
      logic [CANDS-1:0]  others;  // for the next pick

      if (p == 0) begin : gen_first
        assign keys = used;
      end else begin : gen_next
        assign keys = gen_pick[p-1].others;
      end
      assign evict[p] = replace && |keys;
      assign aged[p]  = &(~keys | marked);
      assign oldest   = lowest(keys & ({CANDS{aged[p]}} | ~marked));
      for (genvar c = 0; c < CANDS; c++) begin : gen_others
        assign others[c] = keys[c] && oldest != CAND_W'(c);
      end
      assign pick[p*CAND_W+:CAND_W] = evict[p] ? oldest : place;

      logic unused_others;
      assign unused_others = &{1'b0, others};
    end
  end else begin : gen_no_lru
    assign room  = load != LOAD_W'(WAYS);
    assign evict = '0;
    assign pick  = {PICKS{place}};
    assign aged  = '0;

    logic unused_marked;
    assign unused_marked = &{1'b0, marked, full};
  end
endmodule

`default_nettype wire
