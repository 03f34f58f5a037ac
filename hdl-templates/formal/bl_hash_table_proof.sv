// bl_hash_table_proof: what bl_hash_table promises, for a model checker. All inputs are free, within what stages and gates guarantee.
//
// The abstract table is a key, or none, in each slot, changed in the order of the packets. Asserted in each cycle: a lookup finds exactly what
// is in the abstract table, at its slot (no stale read, no lost update); an insertion takes a free slot, or in an LRU table that of a
// key that had to go; no key stands in two slots; the count is right; a token's answer is that of its operation.
`default_nettype none

module bl_hash_table_proof #(
    parameter int KEY_W       = 3,
    parameter int DEPTH_LOG2  = 1,
    parameter int BANKS       = 2,
    parameter int WAYS        = 1,
    parameter int MAX_ENTRIES = 3,
    parameter bit LRU         = 0,
    parameter bit REMOVE      = 1,
    parameter int LATE        = 0,  // packets remove keys so many stages after K
    parameter int SLOT_W      = DEPTH_LOG2 + $clog2(BANKS * WAYS)
) (
    input wire logic              clk,
    // Stage P.
    input wire logic              valid,
    input wire logic [KEY_W-1:0]  key,
    input wire logic              may,       // the packet may remove its key
    input wire logic              token,
    input wire logic [2:0]        op,
    input wire logic [1:0]        flags,
    input wire logic [SLOT_W-1:0] at,
    // Stage K.
    input wire logic              insert,
    input wire logic              touch,
    input wire logic              gone       // if `may`: the packet removes it
);
  localparam int SLOTS  = (BANKS * WAYS) << DEPTH_LOG2;
  localparam int MASK_W = DEPTH_LOG2 > 0 ? BANKS * DEPTH_LOG2 * KEY_W : 1;

  // Any masks will do; here different parities for the first two banks.
  localparam logic [MASK_W-1:0] MASKS = MASK_W'(12'b101_110_110_011);

  logic reset_q;
  initial reset_q = 1'b1;
  always_ff @(posedge clk) reset_q <= 1'b0;

  // ---------------------------------------------------------------------------------------- the way to stage K
  logic             valid_1_q, valid_k_q, may_1_q, may_k_q, token_1_q, token_k_q, token_d_q;
  logic [KEY_W-1:0] key_1_q, key_k_q;
  logic [2:0]       op_q;
  logic [1:0]       flags_q;
  logic [SLOT_W-1:0] at_q;
  logic [2:0]       host_op;
  logic [1:0]       host_flags;
  logic [SLOT_W-1:0] host_slot;
  logic [KEY_W-1:0] host_key, host_key_q;

  initial {valid_1_q, valid_k_q, token_1_q, token_k_q, token_d_q, may_1_q, may_k_q} = '0;

  // The request stands still behind its token.
  assign host_op    = token ? op : op_q;
  assign host_flags = token ? flags : flags_q;
  assign host_slot  = token ? at : at_q;
  assign host_key   = token ? key : host_key_q;

  always_ff @(posedge clk) begin
    {valid_1_q, valid_k_q} <= {valid, valid_1_q};
    {may_1_q, may_k_q}     <= {valid && may, may_1_q};
    {token_1_q, token_k_q, token_d_q} <= {token, token_1_q, token_k_q};
    {key_1_q, key_k_q}     <= {key, key_1_q};
    {op_q, flags_q, at_q, host_key_q} <= {host_op, host_flags, host_slot, host_key};
  end

  // ---------------------------------------------------------------------------------------- the table
  logic              hit, room, full, host_access, host_done, host_rpresent, near_full;
  logic [SLOT_W-1:0] slot, host_rslot, remove_slot;
  logic [31:0]       host_status, count, no_room;
  logic [KEY_W-1:0]  host_rkey;
  logic              insert_en, remove_en;

  bl_hash_table #(
      .KEY_W(KEY_W), .DEPTH_LOG2(DEPTH_LOG2), .MAX_ENTRIES(MAX_ENTRIES), .LRU(LRU), .REMOVE(REMOVE),
      .BANKS(BANKS), .WAYS(WAYS), .MASKS(MASKS)
  ) u_table (
      .clk(clk), .rst(reset_q), .key(key), .host_sel(token), .host_op(host_op), .host_flags(host_flags),
      .host_slot(host_slot), .host_key(host_key), .hit(hit), .slot(slot), .room(room), .full(full),
      .insert_en(insert_en), .touch_en(touch && valid_k_q), .remove_en(remove_en), .remove_slot(remove_slot),
      .host_access(host_access), .host_rslot(host_rslot), .host_done(host_done), .host_status(host_status),
      .host_rpresent(host_rpresent), .host_rkey(host_rkey), .count(count), .near_full(near_full), .no_room(no_room)
  );

  // ---------------------------------------------------------------------------------------- removals on their way
  logic             goes;       // the packet in stage K removes its key
  logic             inserts;
  logic             pending;    // something may be removed by a packet ahead of stage P
  logic             same;       // the key in stage P

  assign insert_en = insert && valid_k_q;
  assign inserts   = insert_en && !hit && room && !full;
  assign goes      = REMOVE && may_k_q && gone && (hit || (inserts && !LRU));

  if (LATE == 0) begin : gen_now
    assign remove_en   = goes;
    assign remove_slot = slot;
    assign pending     = 1'b0;
    assign same        = 1'b0;
  end else begin : gen_late
    logic [LATE-1:0]        may_q, goes_q;
    logic [LATE*SLOT_W-1:0] slots_q;
    logic [LATE*KEY_W-1:0]  keys_q;
    logic [LATE-1:0]        same_as;

    initial {may_q, goes_q} = '0;
    always_ff @(posedge clk) begin
      may_q   <= LATE'({may_q, may_k_q});
      goes_q  <= LATE'({goes_q, goes});
      slots_q <= (LATE * SLOT_W)'({slots_q, slot});
      keys_q  <= (LATE * KEY_W)'({keys_q, key_k_q});
    end
    assign remove_en   = goes_q[LATE-1];
    assign remove_slot = slots_q[(LATE-1)*SLOT_W+:SLOT_W];

    // The one that is removed in this cycle is forwarded.
    for (genvar n = 0; n < LATE; n++) begin : gen_same
      assign same_as[n] = n < LATE - 1 && may_q[n] && keys_q[n*KEY_W+:KEY_W] == key;
    end
    assign pending = may_1_q || may_k_q || |(may_q & ~(LATE'(1) << (LATE - 1)));
    assign same    = (may_1_q && key_1_q == key) || (may_k_q && key_k_q == key) || |same_as;
  end

  // ---------------------------------------------------------------------------------------- the abstract table
  logic [SLOTS-1:0]       used_q, used_d;
  logic [SLOTS*KEY_W-1:0] keys_q, keys_d;
  logic [KEY_W-1:0]       asked;
  logic                   expected;
  logic [SLOT_W-1:0]      expected_slot;
  logic [31:0]            keys;
  logic                   host_updates;

  initial used_q = '0;

  assign asked        = token_k_q ? host_key_q : key_k_q;
  assign host_updates = token_k_q && op_q == 3'd3 && !hit && !flags_q[1] && room && !full;

  always_comb begin
    expected      = 1'b0;
    expected_slot = '0;
    keys          = '0;
    for (int s = 0; s < SLOTS; s++) begin
      keys = keys + 32'(used_q[s]);
      if (used_q[s] && keys_q[s*KEY_W+:KEY_W] == asked) begin
        expected      = 1'b1;
        expected_slot = SLOT_W'(s);
      end
    end
    used_d = used_q;
    keys_d = keys_q;
    if (inserts || host_updates) begin
      used_d[slot]                = 1'b1;
      keys_d[slot*KEY_W+:KEY_W] = asked;
    end
    if (token_k_q && op_q == 3'd4 && hit) used_d[slot] = 1'b0;
    if (remove_en) used_d[remove_slot] = 1'b0;
  end

  always_ff @(posedge clk) {used_q, keys_q} <= {used_d, keys_d};

  // ---------------------------------------------------------------------------------------- what is checked
  logic              reading_q, found_q;
  logic [KEY_W-1:0]  found_key_q;
  logic [31:0]       status, status_q;

  always_comb begin
    unique case (op_q)
      3'd0:    status = 32'd0;
      3'd2:    status = expected ? 32'd0 : -32'd2;
      3'd3:    status = expected ? (flags_q[0] ? -32'd17 : 32'd0) : flags_q[1] ? -32'd2 : room && !full ? 32'd0 : -32'd7;
      3'd4:    status = expected ? 32'd0 : -32'd2;
      default: status = -32'd22;
    endcase
  end

  always_ff @(posedge clk) begin
    reading_q   <= token_k_q && op_q == 3'd0;
    found_q     <= used_q[at_q];
    found_key_q <= keys_q[at_q*KEY_W+:KEY_W];
    status_q    <= status;
  end

  always_comb begin
    // Stages and gates.
    assume (!(valid && token) && !(reset_q && (valid || token)));
    assume (!(token && (token_1_q || token_k_q)));
    assume (!(LATE > 0 && valid && same));
    assume (!(token && pending));
    assume (!(LRU && valid && pending));
    assume (!(!LRU && valid && pending && near_full));

    if (!reset_q) begin
      assert (count == keys);
      assert (full == (!LRU && keys == 32'(MAX_ENTRIES)));
      if (valid_k_q || (token_k_q && op_q >= 3'd2 && op_q <= 3'd4)) begin
        assert (hit == expected);
        if (hit) assert (slot == expected_slot);
      end
      if (inserts || host_updates) begin
        assert (!expected);
        if (!LRU) assert (!used_q[slot]);
        if (LRU && used_q[slot]) assert (keys >= 32'(MAX_ENTRIES) || keys >= 32'(BANKS * WAYS));
      end
      if (remove_en) assert (used_q[remove_slot] || (LATE == 0 && inserts));
      if (token_k_q) assert (host_access == (status == 0 && (op_q == 3'd0 ? used_q[at_q] : 1'b1)));
      if (token_k_q && host_access) assert (host_rslot == (op_q == 3'd0 ? at_q : slot));
      assert (host_done == token_d_q);
      if (token_d_q) assert (host_status == status_q);
      if (reading_q) assert (host_rpresent == found_q);
      if (reading_q && found_q) assert (host_rkey == found_key_q);
    end
  end

  logic unused;
  assign unused = &{1'b0, no_room, near_full, touch};
endmodule

`default_nettype wire
