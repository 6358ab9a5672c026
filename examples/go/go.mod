module pinroute-example

go 1.19
