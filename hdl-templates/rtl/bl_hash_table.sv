// bl_hash_table: the keys of a map that packets change.
//
// Function    BANKS banks of 2**DEPTH_LOG2 buckets of WAYS places. A key stands in one of the places of its BANKS buckets, found by H3
//             hashes (bl_key_table says how MASKS is made up). Slot number: {bank, bucket, way}. A new key goes to the bucket with the fewest keys
//             (of equal ones the lowest bank), lowest free way. LRU: if there is none, or MAX_ENTRIES keys are there, it takes the place of another (docs/hash-tables.md).
// Latency     A key presented in stage P gives `hit`, `slot`, `room` in stage K = P + 2. What is changed in cycle t
//             is seen by the packets that are in stages P and P + 1 in that cycle, and by all that follow.
// Throughput  One packet per cycle, whatever the keys: NUM_PROBES lookups, one insertion, one removal.
// Cuts        `key` and `host_*` to everything. Not cut: `touch_en` to `slot`, in LRU tables with several probes.
//
// Insertion and marks happen in stage K, in which `insert_en` and `touch_en` belong to the packet that the answers are for. A key is inserted if
// insert_en && !hit && room && !full. Removal happens in stage K or later, for the packet that is there: of a slot that
// holds a key. If that is inserted in the same cycle, nothing happens; but in an LRU table the insertion happens alone. All are 0 if there is no packet in the stage.
//
// A host token takes the place of a packet in stage P; its request stands still until it has left the last stage. In stage
// K it does its work, as packets ahead left the table: op 0 says which key is in `host_slot`, 2 looks `host_key` up, 3 inserts it unless `host_flags` forbid
// (1: only new keys, 2: only known ones), 4 removes it. `host_status` and what follows it hold the answer from then on; `host_rslot` and
// `host_access` do so in stage K already, for the value memories.
//
// Nothing changes in a cycle of `rst`; a reset leaves keys, count and marks as they are.
`default_nettype none

module bl_hash_table #(
    parameter int KEY_W        = 32,  // bits of a key; bit b of byte k is 8*k + b
    parameter int DEPTH_LOG2   = 4,   // log2 of the buckets of a bank
    parameter int MAX_ENTRIES  = 128, // keys at most
    parameter int NUM_PROBES   = 1,   // keys looked up by a packet
    parameter logic [NUM_PROBES-1:0] INSERTS = 1,  // the probes whose key may be inserted; bit 0 is always 1, for the host
    parameter bit LRU          = 0,   // 1: a key without a place takes that of another
    parameter bit REMOVE       = 0,   // 1: packets remove keys (`remove_en`); the host can always
    parameter int BANKS        = 4,
    parameter int WAYS         = 4,
    parameter int MASKS_W      = DEPTH_LOG2 > 0 ? BANKS * DEPTH_LOG2 * KEY_W : 1,  // derived: leave alone
    parameter logic [MASKS_W-1:0] MASKS = '0,
    parameter int SLOT_W       = DEPTH_LOG2 + $clog2(BANKS * WAYS)  // derived: leave alone
) (
    input  wire logic                         clk,
    input  wire logic                         rst,
    // Stage P.
    input  wire logic [NUM_PROBES*KEY_W-1:0]  key,           // by probe
    input  wire logic                         host_sel,      // a token for this map is in this stage
    input  wire logic [2:0]                   host_op,       // static, as all of the request
    input  wire logic [1:0]                   host_flags,
    input  wire logic [SLOT_W-1:0]            host_slot,
    input  wire logic [KEY_W-1:0]             host_key,
    // Stage K.
    output logic      [NUM_PROBES-1:0]        hit,
    output logic      [NUM_PROBES*SLOT_W-1:0] slot,          // hit: where the key is; else where an insertion in this cycle puts it
    output logic      [NUM_PROBES-1:0]        room,          // there is a place for the key; always 1 with LRU
    output logic                              full,          // MAX_ENTRIES keys are there: an insertion has no effect
    input  wire logic [NUM_PROBES-1:0]        insert_en,     // at most one bit of INSERTS
    input  wire logic [NUM_PROBES-1:0]        touch_en,      // LRU: the packet uses the entry, if it is there
    // Stage K or later.
    input  wire logic                         remove_en,
    input  wire logic [SLOT_W-1:0]            remove_slot,
    // The host's answer.
    output logic                              host_access,   // stage K and later: `host_rslot` is the entry asked for, found or made
    output logic      [SLOT_W-1:0]            host_rslot,
    output logic                              host_done,     // for one cycle: the token was in stage K in the cycle before
    output logic      [31:0]                  host_status,   // 0, or a negative error number
    output logic                              host_rpresent, // op 0: the slot holds a key; else as host_access
    output logic      [KEY_W-1:0]             host_rkey,     // op 0: that key
    // Counters.
    output logic      [31:0]                  count,         // keys
    output logic                              near_full,     // count >= MAX_ENTRIES - 3
    output logic      [31:0]                  no_room        // insertions that failed although the table was not full
);
  if (KEY_W < 1 || DEPTH_LOG2 < 0 || DEPTH_LOG2 > 24 || NUM_PROBES < 1 || !INSERTS[0]) begin : gen_check
    $error("bl_hash_table: KEY_W and NUM_PROBES must be at least 1, DEPTH_LOG2 0 to 24, INSERTS odd");
  end
  if (BANKS < 2 || WAYS < 1 || (1 << $clog2(BANKS)) != BANKS || (1 << $clog2(WAYS)) != WAYS) begin : gen_check_ways
    $error("bl_hash_table: BANKS (from 2) and WAYS must be powers of two");
  end
  if (MAX_ENTRIES < 1 || MAX_ENTRIES > (BANKS * WAYS) << DEPTH_LOG2) begin : gen_check_entries
    $error("bl_hash_table: MAX_ENTRIES must be 1 to the number of slots");
  end
  if (LRU && (NUM_PROBES > 4 || NUM_PROBES > BANKS * WAYS)) begin : gen_check_lru
    $error("bl_hash_table: an LRU table has at most 4 probes, and as many places for a key");
  end

  localparam bit [2:0] OP_READ   = 3'd0;
  localparam bit [2:0] OP_LOOKUP = 3'd2;
  localparam bit [2:0] OP_UPDATE = 3'd3;
  localparam bit [2:0] OP_DELETE = 3'd4;

  localparam bit [31:0] OK     = 32'd0;
  localparam bit [31:0] ENOENT = -32'd2;
  localparam bit [31:0] E2BIG  = -32'd7;
  localparam bit [31:0] EEXIST = -32'd17;
  localparam bit [31:0] EINVAL = -32'd22;

  // Probes whose use of their entry changes what others find, and their place in `late`. The last bit of `late` is the removal.
  localparam logic [NUM_PROBES-1:0] COUNTS = LRU ? '1 : INSERTS;

  function automatic int late_bit(input int probe);
    late_bit = 0;
    for (int r = 0; r < probe; r++) late_bit = late_bit + int'(COUNTS[r]);
  endfunction

  localparam int REMOVE_BIT = late_bit(NUM_PROBES);
  localparam int LATE_W     = REMOVE_BIT + int'(REMOVE);
  localparam int VARIANTS   = 1 << LATE_W;
  localparam int INDEX_W    = DEPTH_LOG2 > 0 ? DEPTH_LOG2 : 1;
  localparam int ROWS_W     = BANKS * INDEX_W;
  localparam int PICKS      = LRU ? NUM_PROBES : 1;  // the packet's own entries are not given up: one more to choose from than there are of them

  // ---------------------------------------------------------------------------------------- stage K, early: the answers
  logic [NUM_PROBES*PICKS*SLOT_W-1:0] slots;
  logic [NUM_PROBES*PICKS-1:0]        toggles;
  logic [NUM_PROBES*PICKS-1:0]        aged;
  logic [NUM_PROBES*PICKS-1:0]        evict;
  logic [NUM_PROBES*KEY_W-1:0]        key_k;
  logic [NUM_PROBES*ROWS_W-1:0]       rows_k;
  logic                               host_p1_q;
  logic                               host_k_q;
  logic [NUM_PROBES-1:0]              writes;     // the use of the probe's entry writes a row, instead of marking it
  logic                               present;    // of the written row: 0 if the host removes its key
  logic                               host_use;
  logic [NUM_PROBES*SLOT_W-1:0]       found;      // by probe, the slot of its key

  always_ff @(posedge clk) begin
    host_p1_q <= host_sel && !rst;
    host_k_q  <= host_p1_q && !rst;
  end

  always_comb begin
    present = !(host_k_q && host_op == OP_DELETE);
    writes  = INSERTS & ~hit;
    if (!present) writes[0] = hit[0];
    unique case (host_op)
      OP_UPDATE: host_use = hit[0] ? LRU && !host_flags[0] : !host_flags[1] && room[0] && !full;
      OP_DELETE: host_use = hit[0];
      default:   host_use = 1'b0;
    endcase
    for (int r = 0; r < NUM_PROBES; r++) found[r*SLOT_W+:SLOT_W] = slots[r*PICKS*SLOT_W+:SLOT_W];
  end

  // ------------------------------------------------------------------ stage K: what each value of `late` would change
  logic [VARIANTS-1:0]            v_write;
  logic [VARIANTS*SLOT_W-1:0]     v_slot;
  logic [VARIANTS*NUM_PROBES-1:0] v_probe;
  logic [VARIANTS-1:0]            v_toggle;
  logic [VARIANTS-1:0]            v_remove;
  logic [VARIANTS*NUM_PROBES-1:0] v_mark;
  logic [VARIANTS-1:0]            v_age;
  logic [VARIANTS*ROWS_W-1:0]     v_rows;
  logic [VARIANTS-1:0]            v_more;  // one key more than before; one less
  logic [VARIANTS-1:0]            v_less;
  logic [VARIANTS-1:0]            v_full;  // then the table has all keys that it may have
  logic                           full_q;
  logic                           one_below_q;
  logic                           above_q;

  for (genvar v = 0; v < VARIANTS; v++) begin : gen_variant
    logic [NUM_PROBES-1:0] use_of;  // by probe
    logic [NUM_PROBES-1:0] writer;
    logic [PICKS-1:0]      busy;    // the packet uses the entry itself
    logic [PICKS-1:0]      first;   // of those that are not
    logic [SLOT_W-1:0]     at;
    logic                  toggle;
    logic                  age;
    logic                  over;    // takes the place of another key

    for (genvar r = 0; r < NUM_PROBES; r++) begin : gen_use
      if (COUNTS[r]) begin : gen_counts
        assign use_of[r] = 1'(v >> late_bit(r));
      end else begin : gen_no_use
        assign use_of[r] = 1'b0;
      end
    end

    always_comb begin
      writer = use_of & writes;
      writer = writer & (~writer + 1'b1);  // at most one is meant
      busy   = '0;
      first  = '0;
      at     = '0;
      toggle = 1'b0;
      age    = 1'b0;
      over   = 1'b0;
      v_rows[v*ROWS_W+:ROWS_W] = '0;
      for (int r = 0; r < NUM_PROBES; r++) begin
        if (writer[r]) begin
          for (int p = 0; p < PICKS; p++) begin
            for (int o = 0; o < NUM_PROBES; o++) begin
              if (use_of[o] && hit[o] && o != r && found[o*SLOT_W+:SLOT_W] == slots[(r*PICKS+p)*SLOT_W+:SLOT_W]) busy[p] = 1'b1;
            end
          end
          first = ~busy & (busy + 1'b1);
          for (int p = 0; p < PICKS; p++) begin
            if (first[p]) begin
              at |= slots[(r*PICKS+p)*SLOT_W+:SLOT_W];
              toggle |= toggles[r*PICKS+p];
              over |= LRU && evict[r*PICKS+p] && present;
              age |= LRU && evict[r*PICKS+p] && present && aged[r*PICKS+p];
            end
          end
          v_rows[v*ROWS_W+:ROWS_W] = rows_k[r*ROWS_W+:ROWS_W];
        end
      end
    end

    logic drop;  // the packet removes what it inserts
    assign drop = REMOVE && 1'(v >> REMOVE_BIT) && |writer && at == remove_slot;

    assign v_write[v]                        = |writer && (LRU || !drop);
    assign v_probe[v*NUM_PROBES+:NUM_PROBES] = writer;
    assign v_slot[v*SLOT_W+:SLOT_W]          = at;
    assign v_toggle[v]                       = toggle ^ !over;
    assign v_age[v]                          = LRU && age;
    assign v_more[v]                         = v_write[v] && present && !over;
    assign v_less[v]                         = v_remove[v] || (v_write[v] && !present);
    assign v_mark[v*NUM_PROBES+:NUM_PROBES]  = LRU ? use_of & hit & ~writer : '0;
    assign v_remove[v]                       = REMOVE && 1'(v >> REMOVE_BIT) && !drop;
    assign v_full[v]                         = v_more[v] && !v_less[v] ? one_below_q || full_q : full_q && (!v_less[v] || v_more[v] || above_q);
  end

  // ---------------------------------------------------------------------------------------- stage K, late
  logic [NUM_PROBES-1:0]        used;
  logic [NUM_PROBES-1:0]        refused;  // no place, though the table is not full
  logic [LATE_W-1:0]            late;
  logic                         write;
  logic [SLOT_W-1:0]            write_slot;
  logic [KEY_W-1:0]             write_key;
  logic [NUM_PROBES-1:0]        write_probe;
  logic                         write_toggle;
  logic                         remove;
  logic [NUM_PROBES-1:0]        mark;          // of keys that were there
  logic [NUM_PROBES-1:0]        marks;
  logic [NUM_PROBES*SLOT_W-1:0] mark_slot;
  logic                         age;
  logic [ROWS_W-1:0]            age_rows;
  logic                         more;
  logic                         less;
  logic                         near_full_q;
  logic [SLOT_W:0]              count_q;
  logic [SLOT_W:0]              count_d;
  logic [31:0]                  no_room_q;

  assign full = full_q && !LRU;

  always_comb begin
    for (int r = 0; r < NUM_PROBES; r++) begin
      if (hit[r]) used[r] = LRU && (touch_en[r] || insert_en[r]);
      else used[r] = INSERTS[r] && insert_en[r] && room[r] && !full;
      refused[r] = INSERTS[r] && insert_en[r] && !hit[r] && !room[r] && !full;
    end
    if (host_k_q) begin
      used       = '0;
      used[0]    = host_use;
      refused    = '0;
      refused[0] = host_op == OP_UPDATE && !host_flags[1] && !hit[0] && !room[0] && !full;
    end
    late = '0;
    for (int r = 0; r < NUM_PROBES; r++) begin
      if (COUNTS[r]) late[late_bit(r)] = used[r];
    end
    if (REMOVE) late[LATE_W-1] = remove_en;
  end

  always_comb begin
    write        = 1'b0;
    write_slot   = '0;
    write_probe  = '0;
    write_toggle = 1'b0;
    remove       = 1'b0;
    mark         = '0;
    age          = 1'b0;
    age_rows     = '0;
    more         = 1'b0;
    less         = 1'b0;
    for (int v = 0; v < VARIANTS; v++) begin
      if (late == LATE_W'(v)) begin
        write        |= v_write[v] && !rst;
        write_slot   |= v_slot[v*SLOT_W+:SLOT_W];
        write_probe  |= v_probe[v*NUM_PROBES+:NUM_PROBES];
        write_toggle |= v_toggle[v];
        remove       |= v_remove[v] && !rst;
        mark         |= v_mark[v*NUM_PROBES+:NUM_PROBES] & {NUM_PROBES{!rst}};
        age          |= v_age[v] && !rst;
        age_rows     |= v_rows[v*ROWS_W+:ROWS_W];
        more         |= v_more[v] && !rst;
        less         |= v_less[v] && !rst;
      end
    end
    write_key = '0;
    for (int r = 0; r < NUM_PROBES; r++) begin
      if (write_probe[r]) write_key |= key_k[r*KEY_W+:KEY_W];
      slot[r*SLOT_W+:SLOT_W]      = LRU && !hit[r] && write_probe[r] ? write_slot : found[r*SLOT_W+:SLOT_W];
      mark_slot[r*SLOT_W+:SLOT_W] = LRU && write_probe[r] ? write_slot : found[r*SLOT_W+:SLOT_W];
    end
    marks   = mark | (LRU && write ? write_probe : '0);
    count_d = count_q + (SLOT_W + 1)'(more) - (SLOT_W + 1)'(less);
  end

  initial begin
    count_q     = '0;
    full_q      = 1'b0;
    one_below_q = MAX_ENTRIES == 1;
    above_q     = 1'b0;
    near_full_q = MAX_ENTRIES <= 3;
    no_room_q   = '0;
  end

  always_ff @(posedge clk) begin
    count_q     <= count_d;
    full_q      <= 32'(count_d) >= 32'(MAX_ENTRIES);
    one_below_q <= 32'(count_d) + 32'd1 == 32'(MAX_ENTRIES);
    above_q     <= 32'(count_d) > 32'(MAX_ENTRIES);
    near_full_q <= 32'(count_d) + 32'd3 >= 32'(MAX_ENTRIES);
    if (|refused && !rst) no_room_q <= no_room_q + 32'd1;
  end

  assign count     = 32'(count_q);
  assign near_full = near_full_q;
  assign no_room   = no_room_q;

  // ---------------------------------------------------------------------------- what is not in the memories yet
  logic                         was_write_q;
  logic [SLOT_W-1:0]            was_slot_q;
  logic                         was_toggle_q;
  logic                         was_present_q;
  logic [KEY_W-1:0]             was_key_q;
  logic                         was_remove_q;
  logic [SLOT_W-1:0]            was_removed_q;
  logic [NUM_PROBES-1:0]        was_mark_q;
  logic [NUM_PROBES*SLOT_W-1:0] was_marked_q;
  logic                         was_age_q;
  logic [ROWS_W-1:0]            was_aged_q;
  logic                         gone_remove_q;
  logic [SLOT_W-1:0]            gone_removed_q;
  logic                         removed_toggle;

  always_ff @(posedge clk) begin
    was_write_q    <= write;
    was_slot_q     <= write_slot;
    was_toggle_q   <= write_toggle;
    was_present_q  <= present;
    was_key_q      <= write_key;
    was_remove_q   <= remove;
    was_removed_q  <= remove_slot;
    was_mark_q     <= mark;
    was_marked_q   <= mark_slot;
    was_age_q      <= age;
    was_aged_q     <= age_rows;
    gone_remove_q  <= was_remove_q;
    gone_removed_q <= was_removed_q;
  end
  initial was_remove_q = 1'b0;

  // A slot holds its key if its two toggle bits differ. Insertions write one, removals set the other equal to it, a cycle late.
  if (REMOVE) begin : gen_remove
    bl_hash_ram #(
        .WIDTH     (1),
        .DEPTH_LOG2(SLOT_W)
    ) u_toggles (
        .clk   (clk),
        .we    (write),
        .windex(write_slot),
        .wdata (write_toggle),
        .rindex(remove_slot),
        .rdata (removed_toggle)
    );
  end else begin : gen_no_remove
    assign removed_toggle = 1'b0;

    logic unused_remove;
    assign unused_remove = &{1'b0, remove_en, gone_remove_q, gone_removed_q};
  end

  // ---------------------------------------------------------------------------------------- probes
  logic [NUM_PROBES*KEY_W-1:0] found_key;

  for (genvar r = 0; r < NUM_PROBES; r++) begin : gen_probe
    localparam bit HOST = r == 0;
    logic [KEY_W-1:0] asked;
    logic             read_slot;

    assign asked     = HOST && host_sel ? host_key : key[r*KEY_W+:KEY_W];
    assign read_slot = HOST && host_sel && host_op == OP_READ;

    bl_hash_probe #(
        .KEY_W     (KEY_W),
        .DEPTH_LOG2(DEPTH_LOG2),
        .BANKS     (BANKS),
        .WAYS      (WAYS),
        .NUM_PROBES(NUM_PROBES),
        .PICKS     (PICKS),
        .LATE_W    (LATE_W),
        .HOST      (HOST),
        .INSERTS   (INSERTS[r]),
        .LRU       (LRU),
        .REMOVE    (REMOVE),
        .MASKS     (MASKS)
    ) u_probe (
        .clk           (clk),
        .key           (asked),
        .read_slot     (read_slot),
        .host_slot     (host_slot),
        .late          (late),
        .now_write     (v_write),
        .now_slot      (v_slot),
        .now_probe     (v_probe),
        .now_toggle    (v_toggle),
        .now_present   (present),
        .now_key       (key_k),
        .now_remove    (v_remove),
        .now_removed   (remove_slot),
        .now_mark      (v_mark),
        .now_marked    (found),
        .now_age       (v_age),
        .now_aged      (v_rows),
        .now_full      (v_full),
        .was_write     (was_write_q),
        .was_slot      (was_slot_q),
        .was_toggle    (was_toggle_q),
        .was_present   (was_present_q),
        .was_key       (was_key_q),
        .was_remove    (was_remove_q),
        .was_removed   (was_removed_q),
        .was_mark      (was_mark_q),
        .was_marked    (was_marked_q),
        .was_age       (was_age_q),
        .was_aged      (was_aged_q),
        .gone_remove   (gone_remove_q),
        .gone_removed  (gone_removed_q),
        .write         (write),
        .write_slot    (write_slot),
        .write_key     (write_key),
        .write_toggle  (write_toggle),
        .removed_toggle(removed_toggle),
        .mark          (marks),
        .mark_slot     (mark_slot),
        .age           (age),
        .age_rows      (age_rows),
        .hit           (hit[r]),
        .room          (room[r]),
        .slots         (slots[r*PICKS*SLOT_W+:PICKS*SLOT_W]),
        .toggles       (toggles[r*PICKS+:PICKS]),
        .evict         (evict[r*PICKS+:PICKS]),
        .aged          (aged[r*PICKS+:PICKS]),
        .key_k         (key_k[r*KEY_W+:KEY_W]),
        .rows_k        (rows_k[r*ROWS_W+:ROWS_W]),
        .found_key     (found_key[r*KEY_W+:KEY_W])
    );
  end

  // ---------------------------------------------------------------------------------------- the host's answer
  logic              done_q;
  logic [31:0]       status;
  logic [31:0]       status_q;
  logic              access;
  logic              access_q;
  logic              present_q;
  logic [SLOT_W-1:0] rslot;
  logic [SLOT_W-1:0] rslot_q;
  logic [KEY_W-1:0]  rkey_q;

  always_comb begin
    unique case (host_op)
      OP_READ:              status = OK;
      OP_LOOKUP, OP_DELETE: status = hit[0] ? OK : ENOENT;
      OP_UPDATE: begin
        if (hit[0]) status = host_flags[0] ? EEXIST : OK;
        else if (host_flags[1]) status = ENOENT;
        else status = room[0] && !full ? OK : E2BIG;
      end
      default: status = EINVAL;
    endcase
    access = status == OK && (hit[0] || host_op == OP_UPDATE);
    rslot  = host_op == OP_READ ? host_slot : slot[0+:SLOT_W];
  end

  always_ff @(posedge clk) begin
    done_q <= host_k_q && !rst;
    if (host_k_q) begin
      status_q  <= status;
      access_q  <= access;
      present_q <= access;
      rslot_q   <= rslot;
    end
    if (host_p1_q) rkey_q <= found_key[0+:KEY_W];
    else if (host_k_q && was_write_q && was_slot_q == host_slot) rkey_q <= was_key_q;
  end

  assign host_done     = done_q;
  assign host_status   = status_q;
  assign host_access   = host_k_q ? access : access_q;
  assign host_rslot    = host_k_q ? rslot : rslot_q;
  assign host_rpresent = present_q;
  assign host_rkey     = rkey_q;

  logic unused_keys;
  assign unused_keys = &{1'b0, found_key};
endmodule

`default_nettype wire
