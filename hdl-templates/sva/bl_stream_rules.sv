// bl_stream_rules: what every stream keeps to, as assertions. For simulation and formal tools only.
//
// (1) `valid` stays until `ready`. (2) `payload` does not change while it waits. (3) `valid` is 0 in the cycle after a reset.
`default_nettype none

module bl_stream_rules #(
    parameter int WIDTH = 1  // bits of the payload
) (
    input wire logic             clk,
    input wire logic             rst,
    input wire logic             valid,
    input wire logic             ready,
    input wire logic [WIDTH-1:0] payload
);
  valid_stays :
  assert property (@(posedge clk) disable iff (rst) valid && !ready |=> valid)
  else $error("bl_stream_rules: valid fell before ready");

  payload_stays :
  assert property (@(posedge clk) disable iff (rst) valid && !ready |=> $stable(payload))
  else $error("bl_stream_rules: the payload changed while it waited");

  reset_clears :
  assert property (@(posedge clk) rst |=> !valid)
  else $error("bl_stream_rules: valid after a reset");
endmodule

`default_nettype wire
