// {{ module }}: stage {{ stage }} of {{ num_stages }}, one clock.
//
{% include "origin.sv" %}
`default_nettype none

module {{ module }}{% if !parameters.is_empty() %} #(
{% for p in parameters %}    parameter logic [31:0] {{ p.name }} = 32'd{{ p.value }}{% if !loop.last %},{% endif %}  // {{ p.comment }}
{% endfor %}){% endif %} (
{% for p in ports %}    {{ p }}
{% endfor %});
{{ body }}
{% if registered %}  // Stage registers.
  always_ff @(posedge clk) begin
{% for r in registers %}    {{ r }}
{% endfor %}  end

  always_ff @(posedge clk) begin
    if (rst) begin
      out_valid <= 1'b0;
      out_host  <= 1'b0;
    end else begin
      out_valid <= in_valid;
      out_host  <= in_host;
    end
  end
{% else %}  // The gate behind this stage has its registers.
  always_comb begin
{% for r in registers %}    {{ r }}
{% endfor %}  end
  assign out_valid = in_valid;
  assign out_host  = in_host;
{% endif %}{% if !unused.is_empty() %}
  // What comes in and is of no use here.
  logic unused;
  assign unused = {{ unused }};
{% endif %}endmodule

`default_nettype wire
