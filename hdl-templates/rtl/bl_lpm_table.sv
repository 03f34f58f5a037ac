// bl_lpm_table: finds the entry with the longest prefix of a key.
//
// Function    A sorted list of boundaries, where the longest match changes on the way through all keys (offload-ir/src/lpm.rs); the last
//             boundary that is not greater than the key names the entry's slot, or none. The search has a level for each digit
//             of the position in the list. There are two lists: packets search the active one, the host writes the other one
//             and then exchanges them.
// Latency     A key presented in stage P gives `hit` and `slot` in stage P + 2 + (LEVELS - 1) * STEP.
// Throughput  One key per cycle.
// Cuts        Everything: `key` ends in registers, the answer comes out of registers.
//
// Keys are as in memory: {data, 32-bit length}, byte 0 lowest; the first byte of the data is the most significant. With
// FULL every key has the full length, which is then not read. A key whose length is too large finds nothing.
//
// A host token in stage P takes the place of a packet. It writes the boundary at position `host_index` of the list that is not
// active; or, with `host_swap`, makes that list the active one, with `host_index` boundaries, for all packets behind. It reads the boundary at
// a position of the active list, or with `host_swap` its length. A list is only written by tokens behind which nothing is under way in it: the
// host's next token starts when all packets ahead of the last one have left. Both lists are empty at first.
`default_nettype none

module bl_lpm_table #(
    parameter int DATA_BYTES = 4,    // bytes of a key's data, 1 to 16
    parameter int INDEX_W    = 5,    // bits of a position in the list
    parameter int DIGIT      = 3,    // bits of it that a level finds; the first level finds what is left over
    parameter int SLOT_W     = 4,    // bits of a slot
    parameter bit FULL       = 1'b1, // all keys have the full length
    parameter int STEP       = 1,    // cycles for each level but the first: 1 or 2
    parameter int KEY_W      = 32 + 8 * DATA_BYTES  // derived: leave alone
) (
    input  wire logic               clk,
    input  wire logic               rst,          // nothing is written while it is 1, no token is under way behind it
    // Stage P.
    input  wire logic [KEY_W-1:0]   key,
    input  wire logic               host_sel,     // a token for this list is in this stage
    input  wire logic               host_write,
    input  wire logic               host_swap,
    input  wire logic [INDEX_W:0]   host_index,   // stands still while the token travels
    input  wire logic               host_present,
    input  wire logic [KEY_W-1:0]   host_key,
    input  wire logic [SLOT_W-1:0]  host_slot,
    // One stage before the answer: what the host's read found; `host_rslot` is a slot or the list's length.
    output logic                    host_rvalid,
    output logic                    host_rpresent,
    output logic      [KEY_W-1:0]   host_rkey,
    output logic      [31:0]        host_rslot,
    // The answer.
    output logic                    hit,
    output logic      [SLOT_W-1:0]  slot
);
  localparam int DATA_W = 8 * DATA_BYTES;
  localparam int LEN_W  = $clog2(DATA_W + 1);
  localparam int LEVELS = (INDEX_W + DIGIT - 1) / DIGIT;
  localparam int TOP    = INDEX_W - DIGIT * (LEVELS - 1);  // bits of the first digit
  localparam int ROW_W  = 1 + SLOT_W + LEN_W + DATA_W;

  if (DATA_BYTES < 1 || DATA_BYTES > 16 || INDEX_W < 1 || INDEX_W > 30 || SLOT_W < 1 || SLOT_W > 32) begin : gen_check
    $error("bl_lpm_table: DATA_BYTES must be 1 to 16, INDEX_W 1 to 30, SLOT_W 1 to 32");
  end
  if (DIGIT < 1 || DIGIT > 4 || (STEP != 1 && STEP != 2)) begin : gen_check_levels
    $error("bl_lpm_table: DIGIT must be 1 to 4, STEP 1 or 2");
  end

  // The data of a key as a number.
  function automatic logic [DATA_W-1:0] number(input logic [DATA_W-1:0] bytes);
    for (int i = 0; i < DATA_BYTES; i++) number[8*i+:8] = bytes[8*(DATA_BYTES-1-i)+:8];
  endfunction

  // ---------------------------------------------------------------------------------------- host
  logic             active_q;   // the list that packets search
  logic [INDEX_W:0] count_0_q;  // boundaries of each list
  logic [INDEX_W:0] count_1_q;
  logic             write;
  logic             swap;
  logic [ROW_W-1:0] wr_row;

  assign write  = host_sel && host_write && !host_swap && !rst;
  assign swap   = host_sel && host_write && host_swap && !rst;
  assign wr_row = {host_present, host_slot, host_key[LEN_W-1:0], number(host_key[32+:DATA_W])};

  initial begin
    active_q  = 1'b0;
    count_0_q = '0;
    count_1_q = '0;
  end

  always_ff @(posedge clk) begin
    if (swap) begin
      active_q <= !active_q;
      if (active_q) count_0_q <= host_index;
      else count_1_q <= host_index;
    end
  end

  logic unused_host_length;
  assign unused_host_length = &{1'b0, host_key[31:LEN_W]};

  // ---------------------------------------------------------------------------------------- keys
  logic [DATA_W-1:0] key_data;
  logic [LEN_W-1:0]  key_len;
  logic              key_bad;  // longer than keys are

  if (FULL) begin : gen_full
    assign key_data = number(key[32+:DATA_W]);
    assign key_len  = LEN_W'(DATA_W);
    assign key_bad  = 1'b0;

    logic unused_length;
    assign unused_length = &{1'b0, key[31:0]};
  end else begin : gen_any_length
    logic [DATA_W-1:0] whole;

    assign whole   = number(key[32+:DATA_W]);
    assign key_len = key[LEN_W-1:0];
    assign key_bad = key[31:0] > 32'(DATA_W);
    for (genvar b = 0; b < DATA_W; b++) begin : gen_bit
      assign key_data[b] = whole[b] && key_len > LEN_W'(DATA_W - 1 - b);
    end
  end

  // ---------------------------------------------------------------------------------------- levels
  // What level l gets stands at [l]; what the last one gives at [LEVELS].
  logic [LEVELS:0]              at_table;
  logic [(LEVELS+1)*INDEX_W-1:0] at_node;
  logic [(LEVELS+1)*DATA_W-1:0]  at_key;
  logic [(LEVELS+1)*LEN_W-1:0]   at_len;
  logic [(LEVELS+1)*2-1:0]       at_tag;  // {the host's token, key_bad}
  logic                         found;
  logic [SLOT_W:0]              entry;
  logic [ROW_W-1:0]             row;

  assign at_table[0]          = active_q;
  assign at_node[INDEX_W-1:0] = '0;
  assign at_key[DATA_W-1:0]   = key_data;
  assign at_len[LEN_W-1:0]    = key_len;
  assign at_tag[1:0]          = {host_sel && !host_write, key_bad};

  for (genvar l = 0; l < LEVELS; l++) begin : gen_level
    localparam int HERE   = l == 0 ? TOP : DIGIT;
    localparam int ABOVE  = l == 0 ? 0 : TOP + DIGIT * (l - 1);
    localparam int NODE_W = ABOVE > 0 ? ABOVE : 1;
    localparam bit LAST   = l == LEVELS - 1;

    logic [NODE_W-1:0]     node;
    logic [ABOVE+HERE-1:0] next;
    logic                  level_found;
    logic [SLOT_W:0]       level_entry;
    logic [ROW_W-1:0]      level_row;

    // The host's token goes straight to the row of its position.
    if (LAST && ABOVE > 0) begin : gen_to_position
      assign node = at_tag[2*l+1] ? host_index[INDEX_W-1-:NODE_W] : at_node[l*INDEX_W+:NODE_W];
    end else begin : gen_as_found
      assign node = at_node[l*INDEX_W+:NODE_W];
    end
    assign at_node[(l+1)*INDEX_W+:INDEX_W] = INDEX_W'(next);

    bl_lpm_level #(
        .KEY_W      (DATA_W),
        .LEN_W      (LEN_W),
        .COMPARE_LEN(!FULL),
        .INDEX_W    (INDEX_W),
        .ABOVE      (ABOVE),
        .DIGIT      (HERE),
        .SLOT_W     (SLOT_W),
        .STEP       (l == 0 ? 1 : STEP)
    ) u_level (
        .clk      (clk),
        .rst      (rst),
        .in_table (at_table[l]),
        .in_node  (node),
        .in_key   (at_key[l*DATA_W+:DATA_W]),
        .in_len   (at_len[l*LEN_W+:LEN_W]),
        .in_tag   (at_tag[2*l+:2]),
        .out_table(at_table[l+1]),
        .out_node (next),
        .out_key  (at_key[(l+1)*DATA_W+:DATA_W]),
        .out_len  (at_len[(l+1)*LEN_W+:LEN_W]),
        .out_tag  (at_tag[2*(l+1)+:2]),
        .out_found(level_found),
        .out_entry(level_entry),
        .pick     (host_index[HERE-1:0]),
        .out_row  (level_row),
        .count_0  (count_0_q),
        .count_1  (count_1_q),
        .wr_en    (write),
        .wr_table (!active_q),
        .wr_index (host_index[INDEX_W-1:0]),
        .wr_row   (wr_row)
    );

    if (LAST) begin : gen_last
      assign {found, entry, row} = {level_found, level_entry, level_row};
    end else begin : gen_not_last
      logic unused_answer;
      assign unused_answer = &{1'b0, level_found, level_entry, level_row};
    end
  end

  logic unused_last;
  assign unused_last = &{1'b0, at_node, at_key[LEVELS*DATA_W+:DATA_W], at_len[LEVELS*LEN_W+:LEN_W]};

  // ---------------------------------------------------------------------------------------- answers
  always_ff @(posedge clk) begin
    hit  <= found && entry[SLOT_W] && !at_tag[2*LEVELS];
    slot <= entry[SLOT_W-1:0];
  end

  logic [INDEX_W:0] active_count;

  assign active_count  = at_table[LEVELS] ? count_1_q : count_0_q;
  assign host_rvalid   = at_tag[2*LEVELS+1];
  assign host_rpresent = row[ROW_W-1] && !host_swap;
  assign host_rkey     = {number(row[DATA_W-1:0]), 32'(row[DATA_W+:LEN_W])};
  assign host_rslot    = host_swap ? 32'(active_count) : 32'(row[DATA_W+LEN_W+:SLOT_W]);
endmodule

`default_nettype wire
