// bl_hash_probe: one key port of a hash table, with its copy of the keys.
//
// Function    Looks at the BANKS * WAYS candidate places of a key: where it is, else where it would go. What changes in the
//             same cycle or has changed in the two before, and is not in the memories yet, is put in.
// Latency     Key in stage P, answer in registers of stage K = P + 2.
// Throughput  One key per cycle.
// Cuts        Everything but `late` to the answer registers: one multiplexer. The answer is computed for each value that `late` can have.
//
// Changes of the packet in stage K now: for value v of `late`, a row is written (`now_write[v]`, at `now_slot`, for the key of probe
// `now_probe`), a removal happens (`now_remove[v]`), LRU: mark bits are set (`now_mark`) or those of all candidates cleared (`now_age`).
// `was_*` is what happened in the cycle before, `gone_*` the removal of the cycle before that.
`default_nettype none

module bl_hash_probe #(
    parameter int KEY_W      = 32,
    parameter int DEPTH_LOG2 = 4,
    parameter int BANKS      = 4,
    parameter int WAYS       = 4,
    parameter int NUM_PROBES = 1,   // of the table
    parameter int PICKS      = 1,   // places to name for a new key
    parameter int LATE_W     = 1,   // bits of `late`
    parameter bit HOST       = 1,   // the host asks here
    parameter bit INSERTS    = 1,   // keys are inserted here
    parameter bit LRU        = 0,
    parameter bit REMOVE     = 0,   // packets remove keys
    parameter int MASKS_W    = DEPTH_LOG2 > 0 ? BANKS * DEPTH_LOG2 * KEY_W : 1,  // derived, as all that follows: leave alone
    parameter logic [MASKS_W-1:0] MASKS = '0,
    parameter int CANDS      = BANKS * WAYS,
    parameter int WAY_W      = $clog2(WAYS),
    parameter int SLOT_W     = DEPTH_LOG2 + $clog2(CANDS),
    parameter int INDEX_W    = DEPTH_LOG2 > 0 ? DEPTH_LOG2 : 1,
    parameter int VARIANTS   = 1 << LATE_W
) (
    input  wire logic                         clk,
    // Stage P.
    input  wire logic [KEY_W-1:0]             key,
    input  wire logic                         read_slot,    // instead of a key: which key is in `host_slot`?
    input  wire logic [SLOT_W-1:0]            host_slot,    // still the same in stage P + 1
    // Stage P + 1: changes that are not in the memories.
    input  wire logic [LATE_W-1:0]            late,
    input  wire logic [VARIANTS-1:0]          now_write,
    input  wire logic [VARIANTS*SLOT_W-1:0]   now_slot,
    input  wire logic [VARIANTS*NUM_PROBES-1:0] now_probe,   // one bit of NUM_PROBES
    input  wire logic [VARIANTS-1:0]          now_toggle,
    input  wire logic                         now_present,  // the row is written as holding its key
    input  wire logic [NUM_PROBES*KEY_W-1:0]  now_key,
    input  wire logic [VARIANTS-1:0]          now_remove,
    input  wire logic [SLOT_W-1:0]            now_removed,
    input  wire logic [VARIANTS*NUM_PROBES-1:0] now_mark,
    input  wire logic [NUM_PROBES*SLOT_W-1:0] now_marked,
    input  wire logic [VARIANTS-1:0]          now_age,
    input  wire logic [VARIANTS*BANKS*INDEX_W-1:0] now_aged,  // rows whose marks go, by bank
    input  wire logic [VARIANTS-1:0]          now_full,     // LRU: afterwards the table has all the keys that it may have
    input  wire logic                         was_write,
    input  wire logic [SLOT_W-1:0]            was_slot,
    input  wire logic                         was_toggle,
    input  wire logic                         was_present,
    input  wire logic [KEY_W-1:0]             was_key,
    input  wire logic                         was_remove,
    input  wire logic [SLOT_W-1:0]            was_removed,
    input  wire logic [NUM_PROBES-1:0]        was_mark,
    input  wire logic [NUM_PROBES*SLOT_W-1:0] was_marked,
    input  wire logic                         was_age,
    input  wire logic [BANKS*INDEX_W-1:0]     was_aged,
    input  wire logic                         gone_remove,
    input  wire logic [SLOT_W-1:0]            gone_removed,
    // Writes: keys at the end of stage K, the toggle bits of removals a cycle after them, marks at the end of stage K.
    input  wire logic                         write,
    input  wire logic [SLOT_W-1:0]            write_slot,
    input  wire logic [KEY_W-1:0]             write_key,
    input  wire logic                         write_toggle,
    input  wire logic                         removed_toggle,  // goes to `was_removed`
    input  wire logic [NUM_PROBES-1:0]        mark,
    input  wire logic [NUM_PROBES*SLOT_W-1:0] mark_slot,
    input  wire logic                         age,
    input  wire logic [BANKS*INDEX_W-1:0]     age_rows,
    // Stage K.
    output logic                              hit,
    output logic                              room,
    output logic      [PICKS*SLOT_W-1:0]      slots,        // with `hit`: where the key is; else where it would go
    output logic      [PICKS-1:0]             toggles,      // the toggle bits there
    output logic      [PICKS-1:0]             evict,        // with !hit: there is a key in that place
    output logic      [PICKS-1:0]             aged,         // and it had its mark
    output logic      [KEY_W-1:0]             key_k,
    output logic      [BANKS*INDEX_W-1:0]     rows_k,       // rows of the candidates, by bank
    output logic      [KEY_W-1:0]             found_key     // for `read_slot`: one cycle earlier, unless a change came in between
);
  localparam int CAND_W = $clog2(CANDS);
  localparam int TOTAL  = CAND_W * PICKS;
  localparam int RES_W  = 2 + TOTAL + 3 * PICKS;  // {hit, room, picks, toggles, evict, aged}

  // Row, and candidate number {bank, way}, of a slot {bank, row, way}.
  function automatic logic [INDEX_W-1:0] row_of(input logic [SLOT_W-1:0] s);
    row_of = INDEX_W'((s >> WAY_W) & SLOT_W'((1 << DEPTH_LOG2) - 1));
  endfunction

  function automatic logic [CAND_W-1:0] cand_of(input logic [SLOT_W-1:0] s);
    cand_of = CAND_W'((s >> (DEPTH_LOG2 + WAY_W)) << WAY_W) | CAND_W'(s & SLOT_W'(WAYS - 1));
  endfunction

  // Which candidate, if the bucket of bank b is row b of `r`, is slot `s`.
  function automatic logic [CANDS-1:0] at(input logic [SLOT_W-1:0] s, input logic [BANKS*INDEX_W-1:0] r);
    for (int c = 0; c < CANDS; c++) begin
      at[c] = cand_of(s) == CAND_W'(c) && row_of(s) == r[(c/WAYS)*INDEX_W+:INDEX_W];
    end
  endfunction

  // Which candidates are in buckets that are in both sets of rows.
  function automatic logic [CANDS-1:0] both(input logic [BANKS*INDEX_W-1:0] a, input logic [BANKS*INDEX_W-1:0] b);
    for (int c = 0; c < CANDS; c++) both[c] = a[(c/WAYS)*INDEX_W+:INDEX_W] == b[(c/WAYS)*INDEX_W+:INDEX_W];
  endfunction

  // ---------------------------------------------------------------------------------------- stage P
  logic [BANKS*INDEX_W-1:0] rows;
  logic [BANKS*INDEX_W-1:0] rows_q;
  logic [KEY_W-1:0]         key_q;
  logic                     read_q;

  for (genvar b = 0; b < BANKS; b++) begin : gen_hash
    if (DEPTH_LOG2 > 0) begin : gen_index
      logic [INDEX_W-1:0] index;
      for (genvar i = 0; i < DEPTH_LOG2; i++) begin : gen_bit
        assign index[i] = ^(key & MASKS[(b*DEPTH_LOG2+i)*KEY_W+:KEY_W]);
      end
      assign rows[b*INDEX_W+:INDEX_W] = HOST && read_slot ? row_of(host_slot) : index;
    end else begin : gen_no_index
      assign rows[b*INDEX_W+:INDEX_W] = '0;
    end
  end
  if (DEPTH_LOG2 == 0) begin : gen_no_masks
    logic unused_masks;
    assign unused_masks = &{1'b0, MASKS};
  end

  always_ff @(posedge clk) begin
    key_q  <= key;
    read_q <= HOST && read_slot;
    rows_q <= rows;
  end

  // ---------------------------------------------------------------------------------------- memories
  logic [CANDS-1:0]       write_at;
  logic [CANDS-1:0]       removed_at;
  logic [CANDS*KEY_W-1:0] stored_key;
  logic [CANDS-1:0]       stored_toggle;
  logic [CANDS-1:0]       stored_removed;
  logic [CANDS-1:0]       stored_mark;

  for (genvar c = 0; c < CANDS; c++) begin : gen_cand
    assign write_at[c]   = write && cand_of(write_slot) == CAND_W'(c);
    assign removed_at[c] = was_remove && cand_of(was_removed) == CAND_W'(c);

    bl_hash_ram #(
        .WIDTH     (KEY_W + 1),
        .DEPTH_LOG2(DEPTH_LOG2)
    ) u_keys (
        .clk   (clk),
        .we    (write_at[c]),
        .windex(row_of(write_slot)),
        .wdata ({write_toggle, write_key}),
        .rindex(rows[(c/WAYS)*INDEX_W+:INDEX_W]),
        .rdata ({stored_toggle[c], stored_key[c*KEY_W+:KEY_W]})
    );

    if (REMOVE) begin : gen_remove
      bl_hash_ram #(
          .WIDTH     (1),
          .DEPTH_LOG2(DEPTH_LOG2)
      ) u_removed (
          .clk   (clk),
          .we    (removed_at[c]),
          .windex(row_of(was_removed)),
          .wdata (removed_toggle),
          .rindex(rows[(c/WAYS)*INDEX_W+:INDEX_W]),
          .rdata (stored_removed[c])
      );
    end else begin : gen_no_remove
      assign stored_removed[c] = 1'b0;

      logic unused_removal;
      assign unused_removal = &{1'b0, removed_at[c], removed_toggle};
    end

    if (LRU && INSERTS) begin : gen_marks
      // A probe marks in a memory of its own; the mark is there if it is in one of them.
      logic [NUM_PROBES-1:0] planes;
      for (genvar r = 0; r < NUM_PROBES; r++) begin : gen_plane
        bl_hash_ram #(
            .WIDTH     (1),
            .DEPTH_LOG2(DEPTH_LOG2)
        ) u_marks (
            .clk   (clk),
            .we    (age || (mark[r] && cand_of(mark_slot[r*SLOT_W+:SLOT_W]) == CAND_W'(c))),
            .windex(age ? age_rows[(c/WAYS)*INDEX_W+:INDEX_W] : row_of(mark_slot[r*SLOT_W+:SLOT_W])),
            .wdata (!age || (write && cand_of(write_slot) == CAND_W'(c))),
            .rindex(rows[(c/WAYS)*INDEX_W+:INDEX_W]),
            .rdata (planes[r])
        );
      end
      assign stored_mark[c] = |planes;
    end else begin : gen_no_marks
      assign stored_mark[c] = 1'b0;

      logic unused_marks;
      assign unused_marks = &{1'b0, mark, mark_slot, age, age_rows};
    end
  end

  // ------------------------------------------------------------------------- stage P + 1: as of the cycle before
  logic [CANDS-1:0] wanted;    // with `read_slot`: the candidate that is asked for
  logic [CANDS-1:0] was_at;    // written in the cycle before
  logic [CANDS-1:0] was_gone;  // removed in the two cycles before
  logic             was_same;
  logic [CANDS-1:0] was_new;   // LRU: marks set in the cycle before
  logic [CANDS-1:0] used;
  logic [CANDS-1:0] toggle;
  logic [CANDS-1:0] match;
  logic [CANDS-1:0] marked;

  always_comb begin
    for (int c = 0; c < CANDS; c++) wanted[c] = cand_of(host_slot) == CAND_W'(c);
    was_at   = was_write ? at(was_slot, rows_q) : '0;
    was_gone = '0;
    if (REMOVE && was_remove) was_gone |= at(was_removed, rows_q);
    if (REMOVE && gone_remove) was_gone |= at(gone_removed, rows_q);
    was_same = was_key == key_q;
    for (int c = 0; c < CANDS; c++) begin
      used[c]   = was_at[c] ? was_present : !was_gone[c] && (stored_toggle[c] != stored_removed[c]);
      toggle[c] = was_at[c] ? was_toggle : stored_toggle[c];
      if (HOST && read_q) match[c] = used[c] && wanted[c];
      else match[c] = used[c] && (was_at[c] ? was_same : stored_key[c*KEY_W+:KEY_W] == key_q);
    end
    was_new = was_at;
    for (int r = 0; r < NUM_PROBES; r++) begin
      if (was_mark[r] && !was_age) was_new |= at(was_marked[r*SLOT_W+:SLOT_W], rows_q);
    end
    marked = (stored_mark & ~(was_age ? both(was_aged, rows_q) : '0)) | was_new;
  end

  // ------------------------------------------------------------------ stage P + 1: for each value of `late`
  logic [NUM_PROBES-1:0]     same;      // the key is that of the packet in stage K
  logic [VARIANTS*RES_W-1:0] results;
  logic [RES_W-1:0]          result;

  for (genvar r = 0; r < NUM_PROBES; r++) begin : gen_same
    assign same[r] = now_key[r*KEY_W+:KEY_W] == key_q;
  end

  for (genvar v = 0; v < VARIANTS; v++) begin : gen_variant
    logic [CANDS-1:0]  here;
    logic [CANDS-1:0]  gone;
    logic [CANDS-1:0]  new_marks;
    logic [CANDS-1:0]  v_used;
    logic [CANDS-1:0]  v_toggle;
    logic [CANDS-1:0]  v_match;
    logic [CANDS-1:0]  v_marked;
    logic              v_same;
    logic [TOTAL-1:0]  pick;
    logic [TOTAL-1:0]  place;
    logic [PICKS-1:0]  place_toggle;
    logic [PICKS-1:0]  pick_aged;
    logic [CAND_W-1:0] found;
    logic [PICKS-1:0]  pick_evict;
    logic              v_room;

    always_comb begin
      here      = now_write[v] ? at(now_slot[v*SLOT_W+:SLOT_W], rows_q) : '0;
      gone      = REMOVE && now_remove[v] ? at(now_removed, rows_q) : '0;
      v_same    = |(same & now_probe[v*NUM_PROBES+:NUM_PROBES]);
      v_used    = (here & {CANDS{now_present}}) | (~here & ~gone & used);
      v_toggle  = (here & {CANDS{now_toggle[v]}}) | (~here & toggle);
      v_match   = (here & {CANDS{now_present}} & (HOST && read_q ? wanted : {CANDS{v_same}})) | (~here & ~gone & match);
      new_marks = here;
      for (int r = 0; r < NUM_PROBES; r++) begin
        if (now_mark[v*NUM_PROBES+r] && !now_age[v]) new_marks |= at(now_marked[r*SLOT_W+:SLOT_W], rows_q);
      end
      v_marked = (marked & ~(now_age[v] ? both(now_aged[v*BANKS*INDEX_W+:BANKS*INDEX_W], rows_q) : '0)) | new_marks;
    end

    always_comb begin
      found = '0;
      for (int c = 0; c < CANDS; c++) if (v_match[c]) found |= CAND_W'(c);
      place = pick;
      if (|v_match) place[CAND_W-1:0] = found;
      for (int p = 0; p < PICKS; p++) place_toggle[p] = v_toggle[place[p*CAND_W+:CAND_W]];
    end

    if (INSERTS) begin : gen_choose
      bl_hash_choose #(
          .BANKS(BANKS),
          .WAYS (WAYS),
          .PICKS(PICKS),
          .LRU  (LRU)
      ) u_choose (
          .used  (v_used),
          .marked(v_marked),
          .full  (now_full[v]),
          .room  (v_room),
          .pick  (pick),
          .evict (pick_evict),
          .aged  (pick_aged)
      );
    end else begin : gen_no_choice
      assign {v_room, pick, pick_evict, pick_aged} = '0;

      logic unused_choice;
      assign unused_choice = &{1'b0, v_used, v_marked, now_full[v]};
    end

    assign results[v*RES_W+:RES_W] = {|v_match, v_room, place, place_toggle, pick_evict, pick_aged};
  end

  always_comb begin
    result = '0;
    for (int v = 0; v < VARIANTS; v++) begin
      if (late == LATE_W'(v)) result |= results[v*RES_W+:RES_W];
    end
  end

  // ---------------------------------------------------------------------------------------- stage K
  logic [RES_W-1:0]         result_q;
  logic [BANKS*INDEX_W-1:0] rows_kq;
  logic [KEY_W-1:0]         key_kq;
  logic [TOTAL-1:0]         place_q;

  always_ff @(posedge clk) begin
    result_q <= result;
    rows_kq  <= rows_q;
    key_kq   <= key_q;
  end

  assign {hit, room, place_q, toggles, evict, aged} = result_q;
  assign key_k  = key_kq;
  assign rows_k = rows_kq;

  always_comb begin
    for (int p = 0; p < PICKS; p++) begin
      slots[p*SLOT_W+:SLOT_W] = '0;
      for (int c = 0; c < CANDS; c++) begin
        if (place_q[p*CAND_W+:CAND_W] == CAND_W'(c)) begin
          slots[p*SLOT_W+:SLOT_W] = SLOT_W'((c / WAYS) << (DEPTH_LOG2 + WAY_W)) | SLOT_W'(c % WAYS);
          if (DEPTH_LOG2 > 0) begin
            slots[p*SLOT_W+:SLOT_W] |= SLOT_W'(SLOT_W'(rows_kq[(c/WAYS)*INDEX_W+:INDEX_W]) << WAY_W);
          end
        end
      end
    end
  end

  if (HOST) begin : gen_found
    logic [KEY_W-1:0] found;
    assign found = |(wanted & was_at) ? was_key : stored_key[cand_of(host_slot)*KEY_W+:KEY_W];
    assign found_key = found;
  end else begin : gen_no_found
    assign found_key = '0;

    logic unused_host;
    assign unused_host = &{1'b0, read_slot, host_slot, wanted, read_q};
  end
endmodule

`default_nettype wire
