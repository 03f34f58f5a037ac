// bl_fifo_rules: how a FIFO may be used, as assertions. For simulation and formal tools only.
//
// (1) No push beyond the capacity. (2) No pop of nothing. (3) What is at the head stays there until it is popped.
`default_nettype none

module bl_fifo_rules #(
    parameter int WIDTH    = 1,  // bits of an element
    parameter int CAPACITY = 2   // elements that there is room for
) (
    input wire logic             clk,
    input wire logic             rst,
    input wire logic             push,
    input wire logic             pop,
    input wire logic             head_valid,
    input wire logic [WIDTH-1:0] head_data
);
  int inside_q;

  always_ff @(posedge clk) begin
    if (rst) inside_q <= 0;
    else inside_q <= inside_q + (push ? 1 : 0) - (pop ? 1 : 0);
  end

  no_overflow :
  assert property (@(posedge clk) disable iff (rst) push |-> inside_q < CAPACITY)
  else $error("bl_fifo_rules: push into a full FIFO");

  no_underflow :
  assert property (@(posedge clk) disable iff (rst) pop |-> head_valid)
  else $error("bl_fifo_rules: pop of nothing");

  head_stays :
  assert property (@(posedge clk) disable iff (rst) head_valid && !pop |=> head_valid && $stable(head_data))
  else $error("bl_fifo_rules: the head changed before it was popped");
endmodule

`default_nettype wire
