"""What a flow costs, by stage and end to end, beside a peer; and whether one worker carries the load it promises."""
