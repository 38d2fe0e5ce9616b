Console.Error.WriteLine("usage: ./dev bench durable");
return 2;
