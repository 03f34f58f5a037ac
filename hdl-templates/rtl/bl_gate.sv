// bl_gate: the boundary before a stage at which packets may have to wait.
//
// Function    The head register is the boundary register of the stage behind. Its packet moves on (`out_valid`) unless it is
//             `blocked`; what arrives meanwhile queues in a FIFO. Host tokens wait in the same line. Order is kept.
// Latency     What comes in in cycle c is at the head in c + 1, if nobody is before it: the cycle that the register costs anyway.
// Throughput  One packet per cycle while nobody is blocked.
// Cuts        `in_*` to everything else. Not cut: `blocked` to `out_valid`, `out_token` and `stalled`; it also enables the whole head
//             register, so it should come early.
//
// There is no `full`: the framer admits at most DEPTH packets, and the host has one token.
`default_nettype none

module bl_gate #(
    parameter int WIDTH = 64,  // bits that a packet carries over the boundary
    parameter int DEPTH = 16   // packets in flight at most; a power of two
) (
    input  wire logic             clk,
    input  wire logic             rst,
    // From the stage before, which does not register what it hands on.
    input  wire logic             in_valid,
    input  wire logic             in_token,
    input  wire logic [WIDTH-1:0] in_data,
    // The head, in the stage behind for as long as it has to be.
    output logic                  head_token,  // it is a token, moving or not
    output logic      [WIDTH-1:0] out_data,
    input  wire logic             blocked,     // it must wait
    output logic                  out_valid,   // a packet is here and moves on
    output logic                  out_token,   // a token is here and moves on
    output logic                  stalled      // one is here and waits
);
  logic head_valid;
  logic token;

  bl_desc_fifo #(
      .WIDTH(WIDTH + 1),
      .DEPTH(DEPTH)
  ) u_line (
      .clk       (clk),
      .rst       (rst),
      .push      (in_valid || in_token),
      .push_data ({in_token, in_data}),
      .head_valid(head_valid),
      .head_data ({token, out_data}),
      .pop       (head_valid && !blocked)
  );

  assign head_token = head_valid && token;
  assign out_valid  = head_valid && !token && !blocked;
  assign out_token  = head_valid && token && !blocked;
  assign stalled    = head_valid && blocked;
endmodule

`default_nettype wire
