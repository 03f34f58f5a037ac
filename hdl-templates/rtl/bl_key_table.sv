// bl_key_table: finds the slot of a key.
//
// Function    Four banks of 2**DEPTH_LOG2 slots. A key may stand in one slot of each bank, at the index that the bank's
//             H3 hash gives; all four are read and compared at once. Slot number: {bank, index}.
// Latency     A key presented in stage P gives `hit` and `slot` in stage P + 2.
// Throughput  One key per cycle.
// Cuts        Everything: banks are read at the end of stage P, compared in stage P + 1, answer in registers.
//
// H3: index bit i of a bank is the parity of key & mask. MASKS holds the mask of bit i of bank b at
// [(b*DEPTH_LOG2 + i)*KEY_W +: KEY_W]; with DEPTH_LOG2 = 0 it is not used. Only the host writes: its token takes the place
// of a packet in stage P; packets behind see the write. All slots start empty.
`default_nettype none

module bl_key_table #(
    parameter int KEY_W      = 32,  // bits of a key; bit b of byte k is 8*k + b
    parameter int DEPTH_LOG2 = 4,   // log2 of the slots of a bank
    parameter int MASKS_W    = DEPTH_LOG2 > 0 ? 4 * DEPTH_LOG2 * KEY_W : 1,  // derived: leave alone
    parameter logic [MASKS_W-1:0] MASKS = '0
) (
    input  wire logic                  clk,
    input  wire logic                  rst,           // no slot is written while it is 1
    // Stage P.
    input  wire logic [KEY_W-1:0]      key,
    input  wire logic                  host_sel,      // a token for this map is in this stage
    input  wire logic                  host_write,
    input  wire logic [DEPTH_LOG2+1:0] host_slot,
    input  wire logic                  host_present,
    input  wire logic [KEY_W-1:0]      host_key,
    // Stage P + 1: what the host's read found.
    output logic                       host_rvalid,
    output logic                       host_rpresent,
    output logic      [KEY_W-1:0]      host_rkey,
    // Stage P + 2.
    output logic                       hit,
    output logic      [DEPTH_LOG2+1:0] slot
);
  if (KEY_W < 1 || DEPTH_LOG2 < 0 || DEPTH_LOG2 > 24) begin : gen_check
    $error("bl_key_table: KEY_W must be at least 1, DEPTH_LOG2 0 to 24");
  end

  localparam int BANKS  = 4;
  localparam int SLOT_W = DEPTH_LOG2 + 2;
  localparam int INDEX_W = DEPTH_LOG2 > 0 ? DEPTH_LOG2 : 1;  // with DEPTH_LOG2 = 0 the index is one bit that is 0

  logic [KEY_W-1:0]         key_q;           // stage P + 1
  logic [BANKS-1:0]         match;           // stage P + 1, by bank
  logic [BANKS*SLOT_W-1:0]  slot_of;         // stage P + 1, by bank
  logic [BANKS*(KEY_W+1)-1:0] row_of;        // stage P + 1, by bank: {present, key}
  logic [BANKS-1:0]         row_read;        // stage P + 1, by bank: the host's read is in `row_of`
  logic                     hit_q;
  logic [SLOT_W-1:0]        slot_q;

  always_ff @(posedge clk) key_q <= key;

  for (genvar b = 0; b < BANKS; b++) begin : gen_bank
    logic [INDEX_W-1:0] index;
    logic [INDEX_W-1:0] index_q;
    logic [INDEX_W-1:0] host_index;
    logic               bank_sel;
    logic [KEY_W:0]     row;

    if (DEPTH_LOG2 > 0) begin : gen_hash
      for (genvar i = 0; i < DEPTH_LOG2; i++) begin : gen_bit
        assign index[i] = ^(key & MASKS[(b*DEPTH_LOG2+i)*KEY_W+:KEY_W]);
      end
      assign host_index                 = host_slot[DEPTH_LOG2-1:0];
      assign slot_of[b*SLOT_W+:SLOT_W] = {2'(b), index_q};
    end else begin : gen_no_hash
      assign index                      = '0;
      assign host_index                 = '0;
      assign slot_of[b*SLOT_W+:SLOT_W] = 2'(b);

      logic unused_masks;
      assign unused_masks = &{1'b0, MASKS, index_q};
    end

    always_ff @(posedge clk) index_q <= index;

    assign bank_sel = host_sel && host_slot[SLOT_W-1:DEPTH_LOG2] == 2'(b);

    bl_value_ram #(
        .WIDTH   (KEY_W + 1),
        .DEPTH   (1 << DEPTH_LOG2),
        .WRITABLE(1'b0)
    ) u_slots (
        .clk        (clk),
        .rst        (rst),
        .index      (index),
        .host_sel   (bank_sel),
        .host_write (host_write),
        .host_slot  (host_index),
        .host_row   ({host_present, host_key}),
        .row        (row),
        .host_rvalid(row_read[b]),
        .wr_en      (1'b0),
        .wr_index   ({INDEX_W{1'b0}}),
        .wr_mask    ({(KEY_W / 8 + 1) {1'b0}}),
        .wr_row     ({(KEY_W + 1) {1'b0}})
    );

    assign match[b]                         = row[KEY_W] && (row[KEY_W-1:0] == key_q);
    assign row_of[b*(KEY_W+1)+:(KEY_W+1)] = row;
  end

  always_ff @(posedge clk) begin
    hit_q <= |match;
    if (match[0]) slot_q <= slot_of[0*SLOT_W+:SLOT_W];
    else if (match[1]) slot_q <= slot_of[1*SLOT_W+:SLOT_W];
    else if (match[2]) slot_q <= slot_of[2*SLOT_W+:SLOT_W];
    else slot_q <= slot_of[3*SLOT_W+:SLOT_W];
  end

  assign hit  = hit_q;
  assign slot = slot_q;

  always_comb begin
    {host_rpresent, host_rkey} = '0;
    for (int b = 0; b < BANKS; b++) begin
      if (row_read[b]) {host_rpresent, host_rkey} = row_of[b*(KEY_W+1)+:(KEY_W+1)];
    end
  end
  assign host_rvalid = |row_read;
endmodule

`default_nettype wire
