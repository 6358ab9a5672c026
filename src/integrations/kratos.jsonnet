function(ctx)
  local data = std.get(ctx, 'template_data', {});
  local codes = [
    data[name]
    for name in ['login_code', 'registration_code', 'verification_code', 'recovery_code']
    if std.objectHas(data, name) && data[name] != ''
  ];
  local has_code = std.length(codes) > 0;
  {
    to: ctx.recipient,
    purpose: ctx.template_type,
    [if has_code then 'code']: codes[0],
    [if has_code then 'text']: ctx.body,
    [if std.objectHas(data, 'expires_in_minutes') then 'ttl']: data.expires_in_minutes * 60,
  }
