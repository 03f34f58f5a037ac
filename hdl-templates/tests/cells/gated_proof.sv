// What a hazard window must do, for a bounded proof: packets see what all packets ahead have left (no lost update, no stale
// read), none is lost, doubled or overtaken, and none waits longer than the computation takes (no deadlock).
//
// The sequential meaning is kept beside it, in the order in which packets come; what a packet must read travels along with it.
`default_nettype none

module gated_proof #(
    parameter int WINDOW = 3,
    parameter int DEPTH  = 2,
    parameter int FIFO   = 4
) (
    input wire logic        clk,
    input wire logic        in_valid,
    input wire logic        in_token,
    input wire logic        in_present,
    input wire logic        in_slot,
    input wire logic [1:0]  in_mask,
    input wire logic [1:0]  in_add,      // one bit for each lane
    input wire logic        host_write,
    input wire logic        host_slot,
    input wire logic [1:0]  host_row
);
  localparam int TAG_W = 3 + 1 + 16;

  logic        started_q;    // 0 in the cycle of the reset
  logic [31:0] rows_q;       // as packets that have come left them
  logic [2:0]  number_q;     // of the next packet
  logic [2:0]  expected_q;   // of the next packet that leaves
  logic [2:0]  inside_q;
  logic        token_q;      // a token is inside
  logic        token_write_q;
  logic        token_slot_q;
  logic [1:0]  token_data_q;
  logic [15:0] token_row_q;  // that it must read
  logic [3:0]  waited_q;     // cycles for which the head has waited
  logic [3:0]  quiet_q;      // cycles since a packet has left or there has been none

  initial {started_q, rows_q, number_q, expected_q, inside_q, token_q, waited_q, quiet_q} = '0;

  logic             stalled;
  logic             fire;
  logic             host_rvalid;
  logic [15:0]      host_rrow;
  logic             out_valid;
  logic             out_token;
  logic [TAG_W-1:0] out_tag;
  logic [15:0]      out_row;
  logic             slot;
  logic [15:0]      row;
  logic [15:0]      add;
  logic [15:0]      sum;
  logic [15:0]      changed;
  logic             come;
  logic             leave;

  assign slot    = in_token ? host_slot : in_slot;
  assign row     = slot ? rows_q[31:16] : rows_q[15:0];
  assign add     = {7'd0, in_add[1], 7'd0, in_add[0]};
  assign sum     = row + add;
  assign changed = in_token ? {7'd0, host_row[1], 7'd0, host_row[0]} :
                   {in_mask[1] ? sum[15:8] : row[15:8], in_mask[0] ? sum[7:0] : row[7:0]};
  assign come    = in_valid || in_token;
  assign leave   = out_valid || out_token;

  gated #(
      .SLOTS (2),
      .WINDOW(WINDOW),
      .DEPTH (DEPTH),
      .FIFO  (FIFO),
      .TAG_W (TAG_W)
  ) u_gated (
      .clk        (clk),
      .rst        (!started_q),
      .in_valid   (in_valid),
      .in_token   (in_token),
      .in_present (in_present),
      .in_slot    (in_slot),
      .in_mask    (in_mask),
      .in_add     (add),
      .in_tag     ({number_q, in_present, row}),
      .host_write (token_write_q),
      .host_slot  (token_slot_q),
      .host_row   ({7'd0, token_data_q[1], 7'd0, token_data_q[0]}),
      .stalled    (stalled),
      .fire       (fire),
      .host_rvalid(host_rvalid),
      .host_rrow  (host_rrow),
      .out_valid  (out_valid),
      .out_token  (out_token),
      .out_tag    (out_tag),
      .out_row    (out_row)
  );

  always_ff @(posedge clk) begin
    started_q <= 1'b1;
    if (come && (in_token ? host_write : in_present)) begin
      if (slot) rows_q[31:16] <= changed;
      else rows_q[15:0] <= changed;
    end
    if (come) number_q <= number_q + 1'b1;
    if (leave) expected_q <= expected_q + 1'b1;
    inside_q <= inside_q + 3'(come) - 3'(leave);
    token_q  <= in_token || (token_q && !out_token);
    if (in_token) begin
      token_write_q <= host_write;
      token_slot_q  <= host_slot;
      token_data_q  <= host_row;
      token_row_q   <= row;
    end
    waited_q <= stalled ? waited_q + 1'b1 : '0;
    quiet_q  <= leave || inside_q == '0 ? '0 : quiet_q + 1'b1;
  end

  always_comb begin
    // What the framer and the host keep to.
    assume (started_q || !come);
    assume (!(in_valid && in_token));
    assume (!in_valid || inside_q < 3'(FIFO));
    assume (!in_token || !token_q);
    assume (!in_token || inside_q < 3'(FIFO));
    if (started_q) begin
      assert (!out_valid || !out_tag[16] || out_row == out_tag[15:0]);
      assert (!leave || out_tag[TAG_W-1-:3] == expected_q);
      assert (!host_rvalid || host_rrow == token_row_q);
      assert (!leave || inside_q != '0);
      assert (out_token == 1'b0 || token_q);
      assert (waited_q < 4'(WINDOW));
      assert (quiet_q <= 4'(2 * WINDOW));
    end
  end

  logic unused;
  assign unused = &{1'b0, fire};
endmodule

`default_nettype wire
