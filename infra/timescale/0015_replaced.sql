-- A rebuilt version may have other rows than the one it takes the place of. Who has read up to an earlier batch must read
-- everything anew then: the stream's followers, and clients with an ETag.
alter table feed_head add column replaced_at bigint not null default 0;
comment on column feed_head.replaced_at is
    'the batch at which rows of before were last replaced by other ones: nothing that was read before it goes on';
