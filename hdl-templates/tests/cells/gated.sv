// A hazard window as designs have it: gate, scoreboard and value memory, and a computation of WINDOW stages on the row.
//
// Packets come to the gate at stage G, have their row in G + 1 and write sums of it and their own data in G + WINDOW.
// The row has two lanes of 8 bits; each packet says which of them it writes.
`default_nettype none

module gated #(
    parameter int SLOTS  = 4,   // rows, a power of two, at least 2
    parameter int WINDOW = 3,   // stages from the gate to the change, at least 1
    parameter int DEPTH  = 3,   // entries of the scoreboard
    parameter int FIFO   = 8,   // packets in flight
    parameter int TAG_W  = 8,   // bits that travel along
    parameter int SLOT_W = $clog2(SLOTS)  // derived: leave alone
) (
    input  wire logic              clk,
    input  wire logic              rst,
    input  wire logic              in_valid,
    input  wire logic              in_token,
    input  wire logic              in_present,
    input  wire logic [SLOT_W-1:0] in_slot,
    input  wire logic [1:0]        in_mask,     // lanes that it writes; 0: none, it does not have to be waited for
    input  wire logic [15:0]       in_add,
    input  wire logic [TAG_W-1:0]  in_tag,
    input  wire logic              host_write,
    input  wire logic [SLOT_W-1:0] host_slot,
    input  wire logic [15:0]       host_row,
    output logic                   stalled,
    output logic                   fire,
    // Stage G + 1.
    output logic                   host_rvalid,
    output logic      [15:0]       host_rrow,
    // Stage G + WINDOW.
    output logic                   out_valid,
    output logic                   out_token,
    output logic      [TAG_W-1:0]  out_tag,
    output logic      [15:0]       out_row      // as it was read
);
  localparam int DATA_W = TAG_W + 16 + 2 + SLOT_W + 1;

  logic              blocked;
  logic              head_token;
  logic              head_present;
  logic [SLOT_W-1:0] head_slot;
  logic [1:0]        head_mask;
  logic [15:0]       head_add;
  logic [TAG_W-1:0]  head_tag;
  logic              head_valid_moves;
  logic              head_token_moves;
  logic [WINDOW:1]   valid_q;
  logic [WINDOW:1]   token_q;
  logic [DATA_W-1:0] data_q [1:WINDOW];
  logic [15:0]       row_q [1:WINDOW];   // from G + 2 on
  logic [15:0]       row;

  bl_gate #(
      .WIDTH(DATA_W),
      .DEPTH(FIFO)
  ) u_gate (
      .clk       (clk),
      .rst       (rst),
      .in_valid  (in_valid),
      .in_token  (in_token),
      .in_data   ({in_tag, in_add, in_mask, in_slot, in_present}),
      .head_token(head_token),
      .out_data  ({head_tag, head_add, head_mask, head_slot, head_present}),
      .blocked   (blocked),
      .out_valid (head_valid_moves),
      .out_token (head_token_moves),
      .stalled   (stalled)
  );
  assign fire = head_valid_moves || head_token_moves;

  logic              out_present;
  logic [SLOT_W-1:0] out_slot;
  logic [1:0]        out_mask;
  logic [15:0]       out_add;
  logic [15:0]       wr_row;

  bl_scoreboard #(
      .WIDTH(SLOT_W),
      .DEPTH(DEPTH)
  ) u_board (
      .clk       (clk),
      .rst       (rst),
      .read_valid(head_present && !head_token),
      .read_key  (head_slot),
      .alone     (head_token),
      .blocked   (blocked),
      .push      (head_token_moves || (head_valid_moves && head_mask != '0)),
      .push_all  (head_token_moves),
      .push_valid(head_present),
      .push_key  (head_slot),
      .pop       (out_token || (out_valid && out_mask != '0))
  );

  bl_value_ram #(
      .WIDTH      (16),
      .DEPTH      (SLOTS),
      .OWN_INDEX  (WINDOW == 1),
      .LANE_STARTS(2'b11)
  ) u_values (
      .clk        (clk),
      .rst        (rst),
      .index      (head_slot),
      .host_sel   (head_token_moves),
      .host_write (host_write),
      .host_slot  (host_slot),
      .host_row   (host_row),
      .row        (row),
      .host_rvalid(host_rvalid),
      .wr_en      (out_valid && out_present),
      .wr_index   (out_slot),
      .wr_mask    (out_mask),
      .wr_row     (wr_row)
  );

  always_ff @(posedge clk) begin
    for (int s = 1; s <= WINDOW; s++) begin
      if (rst) {valid_q[s], token_q[s]} <= 2'b00;
      else {valid_q[s], token_q[s]} <= s == 1 ? {head_valid_moves, head_token_moves} : {valid_q[s-1], token_q[s-1]};
    end
  end

  always_ff @(posedge clk) begin
    data_q[1] <= {head_tag, head_add, head_mask, head_slot, head_present};
    row_q[1]  <= '0;
    for (int s = 2; s <= WINDOW; s++) begin
      data_q[s] <= data_q[s-1];
      row_q[s]  <= s == 2 ? row : row_q[s-1];
    end
  end

  assign host_rrow = row;
  assign out_valid = valid_q[WINDOW];
  assign out_token = token_q[WINDOW];
  assign {out_tag, out_add, out_mask, out_slot, out_present} = data_q[WINDOW];
  assign out_row = WINDOW == 1 ? row : row_q[WINDOW];
  assign wr_row = out_row + out_add;

  logic unused_row;
  assign unused_row = &{1'b0, row_q[1]};
endmodule

`default_nettype wire
